// SPDX-License-Identifier: Apache-2.0
// cilium_metrics and cilium_forwarded: per-CPU counters, summed.
import { decodeMetricsKey, decodeMetricsValue, ForwardPlace, SourceFile } from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import type { MetricsMap, MetricsRow } from "./types.ts";

const directions = ["unknown", "ingress", "egress", "service"] as const;

/** Where what is forwarded was counted; the line is not kept. */
const places: ReadonlyMap<number, Pick<MetricsRow, "direction" | "file">> = new Map([
  [ForwardPlace.FORWARD_TO_POD, { direction: "ingress", file: SourceFile.FILE_CONTAINER }],
  [ForwardPlace.FORWARD_FROM_POD, { direction: "egress", file: SourceFile.FILE_CONTAINER }],
  [ForwardPlace.FORWARD_HOST_TO_TUNNEL, { direction: "egress", file: SourceFile.FILE_HOST }],
  [ForwardPlace.FORWARD_TUNNEL_TO_HOST, { direction: "ingress", file: SourceFile.FILE_OVERLAY }],
  [ForwardPlace.FORWARD_DEVICE_TO_HOST, { direction: "ingress", file: SourceFile.FILE_NETDEV }],
]);

/** Rows over cilium_metrics (`dropped`) and cilium_forwarded, whose rows have reason 0. */
export function createMetricsMap(dropped: BpfMap, forwarded: BpfMap): MetricsMap {
  return {
    list() {
      const rows = [...dropped.entries()].map(([key, value]): MetricsRow => {
        const { reason, direction, line, file } = decodeMetricsKey(key);
        return { reason, direction: directions[direction] ?? "unknown", line, file, ...sum(dropped, value) };
      });
      const passed = [...forwarded.entries()].flatMap(([, value], index): MetricsRow[] => {
        const place = places.get(index);
        return place === undefined ? [] : [{ reason: 0, line: 0, ...place, ...sum(forwarded, value) }];
      });
      return [...passed.filter(({ packets }) => packets > 0n), ...rows.filter(({ reason }) => reason !== 0)];
    },
    clear() {
      dropped.clear();
      const zero = new Uint8Array(forwarded.valueBytes);
      for (const [key] of forwarded.entries()) forwarded.update(key, zero);
    },
  };
}

function sum(map: BpfMap, value: Uint8Array): { packets: bigint; bytes: bigint } {
  const slot = Math.ceil(map.valueSize / 8) * 8;
  let packets = 0n;
  let bytes = 0n;
  for (let offset = 0; offset + slot <= value.length; offset += slot) {
    const cpu = decodeMetricsValue(value, offset);
    packets += cpu.packets;
    bytes += cpu.bytes;
  }
  return { packets, bytes };
}
