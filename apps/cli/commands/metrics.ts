// SPDX-License-Identifier: Apache-2.0
// metrics: what the agent counts and measures.
import { RE2JS, RE2JSSyntaxException } from "re2js";
import type { Metric } from "../../../src/api/index.ts";
import { type CommandSpec, listOption } from "../define.ts";
import { UsageError } from "../errors.ts";
import { alignTable } from "../output/table.ts";

export const metrics: CommandSpec = {
  usage: "metrics",
  summary: "Metrics of the agent",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List all metrics, or those whose name matches",
      repeated: [["-p, --match-pattern <regex>", "only metrics whose name matches one of these"]],
      run: async (context, call) => {
        const patterns = listOption(call, "matchPattern");
        const found = matchingMetrics(await context.client().metrics(), patterns);
        await context.result(found, () => formatMetricList(found));
      },
    },
  ],
};

/** By name and labels; without patterns all. Throws UsageError for what is no regular expression. */
export function matchingMetrics(all: readonly Metric[], patterns: readonly string[]): readonly Metric[] {
  const compiled = patterns.map(compile);
  const key = ({ name, labels = {} }: Metric) => `${name} ${labelText(labels)}`;
  return all
    .filter(({ name }) => compiled.length === 0 || compiled.some((pattern) => pattern.matcher(name).find()))
    .sort((a, b) => key(a).localeCompare(key(b), "en", { numeric: true }));
}

/** `Metric   Labels   Value`. */
export function formatMetricList(list: readonly Metric[]): string[] {
  return alignTable(
    [["Metric", "Labels", "Value"]],
    list.map(({ name, labels = {}, value }) => [name, labelText(labels), value.toFixed(6)]),
  );
}

function labelText(labels: NonNullable<Metric["labels"]>): string {
  return Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => `${label}="${value}"`)
    .join(" ");
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    if (!(error instanceof RE2JSSyntaxException)) throw error;
    throw new UsageError(`Cannot use pattern "${pattern}": ${error.message}`);
  }
}
