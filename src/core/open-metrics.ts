// SPDX-License-Identifier: Apache-2.0
// The OpenMetrics text form (version 1.0.0) of metrics. It differs from Prometheus' own in the names of counters' families,
// and in its end, by which a reader knows that it has all.

/** Media type of what `openMetricsText` gives. */
export const openMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** A metric with its values; a value's `metricName` is there where it is not the metric's: parts of histograms. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Record<string, string | number>>;
    readonly metricName?: string;
  }[];
}

export function openMetricsText(families: readonly MetricFamily[]): string {
  return `${families.flatMap(familyLines).join("\n")}\n# EOF\n`;
}

/** Whether a client that accepts this asks for OpenMetrics. */
export function wantsOpenMetrics(accept: string | undefined): boolean {
  const ranges = (accept ?? "").split(",").map((range) => range.split(";").map((part) => part.trim().toLowerCase()));
  return ranges.some(([type, ...parameters]) => type === "application/openmetrics-text" && !parameters.includes("q=0"));
}

function familyLines({ name, help, type, values }: MetricFamily): string[] {
  const family = type === "counter" ? name.replace(/_total$/, "") : name;
  const sample = type === "counter" ? `${family}_total` : name;
  return [
    `# TYPE ${family} ${type}`,
    `# HELP ${family} ${escaped(help)}`,
    ...values.map(
      ({ metricName, labels, value }) => `${metricName ?? sample}${labelText(labels)} ${numberText(value)}`,
    ),
  ];
}

function labelText(labels: Readonly<Record<string, string | number>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
