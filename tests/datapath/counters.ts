// SPDX-License-Identifier: Apache-2.0
// What the programs counted, summed over CPUs.
import { decodeMetricsKey, decodeMetricsValue, METRICS_VALUE_SIZE } from "../../src/abi/index.ts";
import { type BpfMap, possibleCpus } from "../../src/kernel/index.ts";

/** Packets with one fate; reason 0: forwarded. */
export interface Counter {
  readonly reason: number;
  readonly direction: number;
  readonly line: number;
  readonly file: number;
  readonly packets: number;
  readonly bytes: number;
}

/** Rows of cilium_metrics and cilium_forwarded. */
export function readCounters(dropped: BpfMap, forwarded: BpfMap): Counter[] {
  return [
    ...[...dropped.entries()].map(([key, value]) => ({ ...decodeMetricsKey(key), ...sumOverCpus(value) })),
    ...[...forwarded.entries()].map(([, value], direction) => ({
      ...{ reason: 0, direction, line: 0, file: 0 },
      ...sumOverCpus(value),
    })),
  ];
}

/** An array cannot be emptied, so it is filled with nothing. */
export function clearForwarded(forwarded: BpfMap): void {
  const none = new Uint8Array(possibleCpus() * METRICS_VALUE_SIZE);
  for (const [direction] of forwarded.entries()) forwarded.update(direction, none);
}

function sumOverCpus(value: Uint8Array): { packets: number; bytes: number } {
  const slots = Array.from({ length: possibleCpus() }, (_, cpu) => decodeMetricsValue(value, cpu * METRICS_VALUE_SIZE));
  const sum = (field: "packets" | "bytes") => slots.reduce((total, slot) => total + Number(slot[field]), 0);
  return { packets: sum("packets"), bytes: sum("bytes") };
}
