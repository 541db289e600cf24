// SPDX-License-Identifier: Apache-2.0
// Prometheus metrics with the `cilium_` namespace.

import { Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, Registry } from "prom-client";
import type { MetricChoice } from "./metric-choice.ts";
import { type MetricFamily, openMetricsText, openMetricsType, wantsOpenMetrics } from "./open-metrics.ts";

type LabelValues = Readonly<Record<string, string | number>>;

/** A number that only grows. */
export interface Counter {
  inc(labels?: LabelValues, by?: number): void;
}

/** A number that goes up and down. */
export interface Gauge {
  set(value: number, labels?: LabelValues): void;
  inc(labels?: LabelValues, by?: number): void;
  dec(labels?: LabelValues, by?: number): void;
  /** Drops the series with these labels. */
  remove(labels: LabelValues): void;
}

/** A distribution; durations are in seconds. */
export interface Histogram {
  observe(value: number, labels?: LabelValues): void;
}

/** A number that somebody else counts. */
export interface Totals {
  set(total: number, labels?: LabelValues): void;
}

/** What a metric is called (without the namespace) and what it means. */
export interface MetricOptions {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  /** Not there unless somebody asks for it. */
  readonly off?: boolean;
}

/** How metrics are made. */
export interface MetricsOptions {
  /** Stands before each name; default cilium. */
  readonly namespace?: string;
  readonly choice?: MetricChoice;
}

/** One value of a metric, with the namespace in its name. */
export interface MetricValue {
  readonly name: string;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Metrics in a text form. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/** A set of metrics and its text form. A metric that is not wanted may be used like any other, and is not there. */
export interface Metrics {
  /** `collect` is called at each exposition and sets all totals. */
  counter(options: MetricOptions & { readonly collect?: (totals: Totals) => void }): Counter;
  /** `collect` is called at each exposition and may set the gauge. */
  gauge(options: MetricOptions & { readonly collect?: (gauge: Gauge) => void | Promise<void> }): Gauge;
  histogram(options: MetricOptions & { readonly buckets?: readonly number[] }): Histogram;
  /** Whether a metric that was made is wanted: what costs something is not counted otherwise. */
  wants(name: string): boolean;
  /** Names of the choice that no metric has, sorted. */
  unknown(): readonly string[];
  /** Every value; of a histogram each bucket, the sum and the count. */
  values(): Promise<readonly MetricValue[]>;
  /** The Prometheus text exposition. */
  text(): Promise<string>;
  /** In Prometheus' text form, or for who accepts it in that of OpenMetrics. */
  expose(accept: string | undefined): Promise<Exposition>;
}

const DEFAULT_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60];

/** An empty set. Registering a name twice throws. */
export function createMetrics({ namespace = "cilium", choice }: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  // What nobody wants is kept where nobody looks.
  const unwanted = new Registry();
  const wanted = new Set<string>();
  const known = new Set<string>();
  const base = ({ name, help, labels = [], off = false }: MetricOptions) => {
    const full = `${namespace}_${name}`;
    const wants = off ? choice?.on.has(full) === true : choice?.off.has(full) !== true;
    known.add(full);
    if (wants) wanted.add(name);
    return { name: full, help, labelNames: [...labels], registers: [wants ? registry : unwanted] };
  };
  return {
    counter(options) {
      const { collect } = options;
      const refresh = collect === undefined ? {} : { collect: () => collectTotals(counter, collect) };
      const counter: PromCounter = new PromCounter({ ...base(options), ...refresh });
      return { inc: (labels = {}, by = 1) => counter.inc({ ...labels }, by) };
    },
    gauge(options) {
      const { collect } = options;
      const refresh = collect === undefined ? {} : { collect: () => collect(wrapped) };
      const wrapped: Gauge = wrapGauge(new PromGauge({ ...base(options), ...refresh }));
      return wrapped;
    },
    histogram(options) {
      const histogram = new PromHistogram({ ...base(options), buckets: [...(options.buckets ?? DEFAULT_BUCKETS)] });
      return { observe: (value, labels = {}) => histogram.observe({ ...labels }, value) };
    },
    wants: (name) => wanted.has(name),
    unknown: () => [...(choice?.on ?? []), ...(choice?.off ?? [])].filter((name) => !known.has(name)).sort(),
    values: async () =>
      (await familiesOf(registry)).flatMap(({ name, values }) =>
        values.map(({ metricName = name, value, labels }) => ({
          ...{ name: metricName, value },
          labels: Object.fromEntries(Object.entries(labels).map(([label, text]) => [label, String(text)])),
        })),
      ),
    text: () => registry.metrics(),
    expose: async (accept) =>
      wantsOpenMetrics(accept)
        ? { contentType: openMetricsType, text: openMetricsText(await familiesOf(registry)) }
        : { contentType: registry.contentType, text: await registry.metrics() },
  };
}

async function familiesOf(registry: Registry): Promise<readonly MetricFamily[]> {
  // The library's types say nothing of the parts of histograms.
  return (await registry.getMetricsAsJSON()) as unknown as readonly MetricFamily[];
}

function collectTotals(counter: PromCounter, collect: (totals: Totals) => void): void {
  counter.reset();
  collect({ set: (total, labels = {}) => counter.inc({ ...labels }, total) });
}

function wrapGauge(gauge: PromGauge): Gauge {
  return {
    set: (value, labels = {}) => gauge.set({ ...labels }, value),
    inc: (labels = {}, by = 1) => gauge.inc({ ...labels }, by),
    dec: (labels = {}, by = 1) => gauge.dec({ ...labels }, by),
    remove: (labels) => gauge.remove({ ...labels }),
  };
}
