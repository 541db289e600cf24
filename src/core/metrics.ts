// SPDX-License-Identifier: Apache-2.0
// Prometheus metrics with the `cilium_` namespace.

import { Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, Registry } from "prom-client";

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

/** What a metric is called (without the namespace) and what it means. */
export interface MetricOptions {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** One value of a metric, with the namespace in its name. */
export interface MetricValue {
  readonly name: string;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** A set of metrics and its text form. */
export interface Metrics {
  counter(options: MetricOptions): Counter;
  /** `collect` is called at each exposition and may set the gauge. */
  gauge(options: MetricOptions & { readonly collect?: (gauge: Gauge) => void | Promise<void> }): Gauge;
  histogram(options: MetricOptions & { readonly buckets?: readonly number[] }): Histogram;
  /** Every value; of a histogram each bucket, the sum and the count. */
  values(): Promise<readonly MetricValue[]>;
  /** The Prometheus text exposition. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** As prom-client gives it; histograms name their parts. */
interface PromValue {
  readonly value: number;
  readonly labels: LabelValues;
  readonly metricName?: string;
}

const DEFAULT_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60];

/** An empty set; `namespace` stands before each name. Registering a name twice throws. */
export function createMetrics(namespace = "cilium"): Metrics {
  const registry = new Registry();
  const base = (options: MetricOptions) => ({
    name: `${namespace}_${options.name}`,
    help: options.help,
    labelNames: [...(options.labels ?? [])],
    registers: [registry],
  });
  return {
    counter(options) {
      const counter = new PromCounter(base(options));
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
    values: async () =>
      (await registry.getMetricsAsJSON()).flatMap(({ name, values }) =>
        (values as readonly PromValue[]).map(({ metricName = name, value, labels }) => ({
          ...{ name: metricName, value },
          labels: Object.fromEntries(Object.entries(labels).map(([label, text]) => [label, String(text)])),
        })),
      ),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function wrapGauge(gauge: PromGauge): Gauge {
  return {
    set: (value, labels = {}) => gauge.set({ ...labels }, value),
    inc: (labels = {}, by = 1) => gauge.inc({ ...labels }, by),
    dec: (labels = {}, by = 1) => gauge.dec({ ...labels }, by),
    remove: (labels) => gauge.remove({ ...labels }),
  };
}
