// SPDX-License-Identifier: Apache-2.0
// metrics: what the agent counts and measures, by its shell.
import { askShell, type Metric } from "../../../src/api/index.ts";
import type { Context } from "../context.ts";
import { type CommandSpec, listOption } from "../define.ts";
import { shellSocketOf, shellSocketOption } from "./shell-socket.ts";

export const metrics: CommandSpec = {
  usage: "metrics",
  summary: "Metrics of the agent",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List all metrics, or those that match",
      options: [shellSocketOption],
      repeated: [["-p, --match-pattern <regex>", "only metrics whose name, or name and labels, match one of these"]],
      run: (context, call) => showMetrics(context, shellSocketOf(context, call), listOption(call, "matchPattern")),
    },
  ],
};

/** Prints the metrics that match one of the patterns (none: all) as `-o` says. */
export async function showMetrics(context: Context, socket: string, patterns: readonly string[]): Promise<void> {
  const pattern = patterns.length === 0 ? [] : [patterns.map((each) => `(?:${each})`).join("|")];
  const ask = (format: string) => askShell(socket, ["metrics", `--format=${format}`, ...pattern], context.io.signal);
  if (context.structured) await context.json(JSON.parse(await ask("json")) as Metric[]);
  else context.io.stdout(await ask("table"));
}
