// SPDX-License-Identifier: Apache-2.0
// bpf metrics: packets and bytes by reason and direction.
import { dropReasonText, fileName, type MetricsRow } from "../../../../src/datapath/index.ts";
import type { CommandSpec } from "../../define.ts";
import { alignTable } from "../../output/table.ts";
import { bpfRootOption, noEntries, openMaps } from "./maps.ts";

export const metrics: CommandSpec = {
  usage: "metrics",
  summary: "Counters of the datapath",
  commands: [
    {
      usage: "list",
      aliases: ["ls"],
      summary: "List packets and bytes by reason, direction and place",
      options: [bpfRootOption],
      run: async (context, call) => {
        using maps = await openMaps(context, call);
        const rows = maps.metrics.list().sort(compare);
        const models = rows.map((row) => ({ ...words(row), direction: row.direction, line: row.line }));
        if (rows.length === 0) noEntries(context);
        else await context.result(models, () => formatMetrics(rows));
      },
    },
    {
      usage: "flush",
      summary: "Begin counting anew (for tests)",
      options: [bpfRootOption],
      run: async (context, call) => {
        using maps = await openMaps(context, call);
        maps.metrics.clear();
      },
    },
  ],
};

/** `REASON   DIRECTION   PACKETS   BYTES   LINE   FILE`. */
function formatMetrics(rows: readonly MetricsRow[]): string[] {
  return alignTable([["REASON", "DIRECTION", "PACKETS", "BYTES", "LINE", "FILE"]], rows.map(cells));
}

function cells(row: MetricsRow): string[] {
  const { reason, packets, bytes, file } = words(row);
  return [reason, row.direction.toUpperCase(), String(packets), String(bytes), String(row.line), file];
}

function words({ reason, packets, bytes, file }: MetricsRow) {
  return { reason: dropReasonText(reason), packets, bytes, file: fileName(file) };
}

/** By the columns as they are shown, from the left. */
function compare(a: MetricsRow, b: MetricsRow): number {
  const [left, right] = [a, b].map(cells);
  const column = left?.findIndex((cell, i) => cell !== right?.[i]) ?? -1;
  return column < 0 ? 0 : (left?.[column] ?? "") < (right?.[column] ?? "") ? -1 : 1;
}
