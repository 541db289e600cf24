// SPDX-License-Identifier: Apache-2.0
// What the programs counted, summed over CPUs.
import {
  decodeMetricsKey,
  decodeMetricsValue,
  ForwardPlace,
  METRICS_VALUE_SIZE,
  MetricDirection,
} from "../../src/abi/index.ts";
import { type BpfMap, possibleCpus } from "../../src/kernel/index.ts";

const directions: ReadonlyMap<number, number> = new Map([
  [ForwardPlace.FORWARD_TO_POD, MetricDirection.METRIC_INGRESS],
  [ForwardPlace.FORWARD_FROM_POD, MetricDirection.METRIC_EGRESS],
  [ForwardPlace.FORWARD_HOST_TO_TUNNEL, MetricDirection.METRIC_EGRESS],
  [ForwardPlace.FORWARD_TUNNEL_TO_HOST, MetricDirection.METRIC_INGRESS],
  [ForwardPlace.FORWARD_DEVICE_TO_HOST, MetricDirection.METRIC_INGRESS],
]);

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
    ...[...forwarded.entries()].flatMap(([, value], place) => {
      const direction = directions.get(place);
      return direction === undefined ? [] : [{ reason: 0, direction, line: 0, file: 0, ...sumOverCpus(value) }];
    }),
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
