// SPDX-License-Identifier: Apache-2.0
// metrics: what the agent counts and measures. A histogram is one line, with the values below which 50, 90 and 99 % are.
import { alignTable, CiliumError } from "../../core/index.ts";
import type { Metric } from "../models.ts";
import { foldHistograms, type ShownMetric } from "./histograms.ts";
import { userPattern } from "./pattern.ts";
import { jsonText } from "./rows.ts";
import type { ShellCall, ShellCommand } from "./types.ts";

export const metricCommands: readonly ShellCommand[] = [
  {
    name: "metrics",
    args: "[regex]",
    summary: "List all metrics, or those whose name, or name and labels together, match",
    flags: [{ name: "format", short: "f", help: "table, json or yaml", values: ["table", "json", "yaml"] }],
    run: listMetrics,
  },
];

async function* listMetrics({ api, args: [pattern], flags }: ShellCall): AsyncGenerator<string, void, void> {
  const matches = pattern === undefined ? () => true : userPattern(pattern);
  const all = foldHistograms(await api.metrics());
  const found = all
    .map((metric) => ({ ...metric, text: labelText(metric.labels) }))
    .filter(({ name, text }) => matches(name) || matches(name + text))
    .sort((a, b) => (`${a.name} ${a.text}` < `${b.name} ${b.text}` ? -1 : 1));
  yield await formatMetrics(flags.get("format") ?? "table", found);
}

async function formatMetrics(
  format: string,
  list: readonly (ShownMetric & { readonly text: string })[],
): Promise<string> {
  if (format === "table") {
    const rows = list.map(({ name, text, shown }) => [name, text, shown]);
    return alignTable([["Metric", "Labels", "Value"]], rows)
      .map((line) => `${line}\n`)
      .join("");
  }
  const metrics: Metric[] = list.map(({ name, value, labels }) => ({ name, value, labels }));
  if (format === "json") return jsonText(metrics);
  if (format === "yaml") return (await import("yaml")).stringify(metrics, { lineWidth: 0 });
  throw new CiliumError(`Cannot use format "${format}": unknown (expected table, json or yaml)`);
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => `${label}=${value}`)
    .join(" ");
}
