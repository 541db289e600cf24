// SPDX-License-Identifier: Apache-2.0
// cilium_metrics and cilium_forwarded: per-CPU counters, summed.
import { decodeMetricsKey, decodeMetricsValue } from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import type { MetricsMap, MetricsRow } from "./types.ts";

const directions = ["unknown", "ingress", "egress", "service"] as const;

/** Rows over cilium_metrics (`dropped`) and cilium_forwarded, whose rows have reason 0. */
export function createMetricsMap(dropped: BpfMap, forwarded: BpfMap): MetricsMap {
  return {
    list() {
      const rows = [...dropped.entries()].map(([key, value]): MetricsRow => {
        const { reason, direction, line, file } = decodeMetricsKey(key);
        return { reason, direction: directions[direction] ?? "unknown", line, file, ...sum(dropped, value) };
      });
      // Earlier programs counted what they forwarded among the dropped.
      const before = rows.filter(({ reason }) => reason === 0);
      const now = [...forwarded.entries()].map(([, value], index): MetricsRow => {
        const direction = directions[index] ?? "unknown";
        const counted = sum(forwarded, value);
        const old = before.find((row) => row.direction === direction);
        const packets = counted.packets + (old?.packets ?? 0n);
        return { reason: 0, direction, line: 0, file: 0, packets, bytes: counted.bytes + (old?.bytes ?? 0n) };
      });
      return [...now.filter(({ packets }) => packets > 0n), ...rows.filter(({ reason }) => reason !== 0)];
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
