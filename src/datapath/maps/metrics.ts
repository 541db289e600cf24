// SPDX-License-Identifier: Apache-2.0
// cilium_metrics: per-CPU counters, summed.
import { decodeMetricsKey, decodeMetricsValue } from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import type { MetricsMap, MetricsRow } from "./types.ts";

const directions = ["unknown", "ingress", "egress", "service"] as const;

/** Rows over cilium_metrics. */
export function createMetricsMap(map: BpfMap): MetricsMap {
  const slot = Math.ceil(map.valueSize / 8) * 8;
  return {
    list() {
      return [...map.entries()].map(([key, value]): MetricsRow => {
        const { reason, direction, line, file } = decodeMetricsKey(key);
        let packets = 0n;
        let bytes = 0n;
        for (let offset = 0; offset + slot <= value.length; offset += slot) {
          const cpu = decodeMetricsValue(value, offset);
          packets += cpu.packets;
          bytes += cpu.bytes;
        }
        return { reason, direction: directions[direction] ?? "unknown", line, file, packets, bytes };
      });
    },
  };
}
