// SPDX-License-Identifier: Apache-2.0
// Which metrics are wanted beside, or are not wanted of, those that are on by themselves.

/** Names with their namespace. */
export interface MetricChoice {
  readonly on: ReadonlySet<string>;
  readonly off: ReadonlySet<string>;
}

/** Whether this is `+NAME` or `-NAME`. */
export function isMetricChoice(item: string): boolean {
  return /^[+-][a-zA-Z_]\w*$/.test(item);
}

/** From items such as `+cilium_x` and `-cilium_y`; what is said last of a metric counts. */
export function metricChoice(items: readonly string[]): MetricChoice {
  const on = new Set<string>();
  const off = new Set<string>();
  for (const item of items) {
    const name = item.slice(1);
    const [add, remove] = item.startsWith("+") ? [on, off] : [off, on];
    add.add(name);
    remove.delete(name);
  }
  return { on, off };
}
