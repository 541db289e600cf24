// SPDX-License-Identifier: Apache-2.0
// Histograms as one value each: quantiles, interpolated within the bucket as Prometheus does it.
import type { Metric } from "../models.ts";

/** A metric with what people see of it. */
export interface ShownMetric {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of a histogram the 90th percentile. */
  readonly value: number;
  readonly shown: string;
}

interface Bucket {
  readonly bound: number;
  /** Observations not above the bound. */
  readonly count: number;
}

interface Distribution {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly buckets: Bucket[];
}

const part = /_(bucket|sum|count)$/;

/** Puts the buckets, the sum and the count of each histogram together; the rest stays as it is. */
export function foldHistograms(metrics: readonly Metric[]): ShownMetric[] {
  const isBucket = ({ name, labels }: Metric) => name.endsWith("_bucket") && labels?.le !== undefined;
  const bases = new Set(metrics.filter(isBucket).map(({ name }) => name.replace(part, "")));
  const distributions = new Map<string, Distribution>();
  const folded: ShownMetric[] = [];
  for (const metric of metrics) {
    const { name, value, labels = {} } = metric;
    if (isBucket(metric)) addBucket(distributions, metric);
    else if (!part.test(name) || !bases.has(name.replace(part, ""))) {
      folded.push({ name, labels, value, shown: value.toFixed(6) });
    }
  }
  return [...folded, ...[...distributions.values()].map(showDistribution)];
}

function addBucket(distributions: Map<string, Distribution>, { name, value, labels = {} }: Metric): void {
  const { le = "", ...others } = labels;
  const base = name.replace(part, "");
  const key = `${base} ${JSON.stringify(others)}`;
  const found = distributions.get(key) ?? { name: base, labels: others, buckets: [] };
  distributions.set(key, found);
  found.buckets.push({ bound: le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le), count: value });
}

function showDistribution({ name, labels, buckets }: Distribution): ShownMetric {
  buckets.sort((a, b) => a.bound - b.bound);
  const unit = name.endsWith("seconds") ? "s" : "";
  const quantiles = [0.5, 0.9, 0.99].map((share) => quantile(buckets, share));
  return {
    ...{ name, labels, value: quantiles[1] ?? 0 },
    shown: quantiles.map((value) => `${shortNumber(value)}${unit}`).join(" / "),
  };
}

/** 0 where nothing was observed; the highest finite bound for what is above it. */
function quantile(buckets: readonly Bucket[], share: number): number {
  const total = buckets.at(-1)?.count ?? 0;
  if (total === 0) return 0;
  const rank = share * total;
  const at = buckets.findIndex(({ count }) => count >= rank);
  const { bound = 0, count = 0 } = buckets[at] ?? {};
  const before = buckets[at - 1] ?? { bound: 0, count: 0 };
  if (bound === Number.POSITIVE_INFINITY) return before.bound;
  return before.bound + ((bound - before.bound) * (rank - before.count)) / (count - before.count);
}

const units = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
  [1, ""],
  [1e-3, "m"],
  [1e-6, "µ"],
  [1e-9, "n"],
] as const;

/** Four digits and a unit: `1.5m`. */
function shortNumber(value: number): string {
  if (value === 0) return "0";
  const [factor, unit] = units.find(([least]) => Math.abs(value) >= least) ?? ([1e-12, "p"] as const);
  return `${Number((value / factor).toPrecision(4))}${unit}`;
}
