// SPDX-License-Identifier: Apache-2.0
// Rows of the agent's tables as text.
import type { StatedbRow } from "../../../src/api/index.ts";
import { UsageError } from "../errors.ts";
import { formatStructured } from "../output/structured.ts";
import { alignTable } from "../output/table.ts";

/** Which columns are shown: those asked for (`A,B`), else all. Throws UsageError for one that there is not. */
export function chosenColumns(all: readonly string[], wanted: string | undefined): readonly string[] {
  if (wanted === undefined) return all;
  return wanted.split(",").map((name) => {
    const found = all.find((column) => column.toLowerCase() === name.trim().toLowerCase());
    if (found !== undefined) return found;
    throw new UsageError(`Cannot show column "${name}": no such column (there are ${all.join(", ")})`);
  });
}

/** One cell; lists are joined. */
function cellOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(cellOf).join(", ");
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "");
}

/** A header and a line for each row. */
export function rowLines(columns: readonly string[], rows: readonly StatedbRow[]): string[] {
  return alignTable(
    [columns],
    rows.map((row) => columns.map((column) => cellOf(row[column]))),
  );
}

/** The text of rows in a format: table (default), json or yaml. Throws UsageError for another one. */
export async function formatRows(
  format: string,
  columns: readonly string[],
  rows: readonly StatedbRow[],
): Promise<{ readonly lines: readonly string[] } | { readonly text: string }> {
  if (format === "table") return { lines: rowLines(columns, rows) };
  if (format !== "json" && format !== "yaml") {
    throw new UsageError(`Cannot use format "${format}": unknown (expected table, json or yaml)`);
  }
  const chosen = rows.map((row) => Object.fromEntries(columns.map((column) => [column, row[column]])));
  return { text: await formatStructured({ kind: format }, chosen) };
}
