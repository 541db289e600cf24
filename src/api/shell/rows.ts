// SPDX-License-Identifier: Apache-2.0
// Rows of the agent's tables as text, piece by piece: a big table must not keep the agent from its work.
import { setImmediate as turn } from "node:timers/promises";
import { CiliumError, GrowingColumns, neutraliseJson } from "../../core/index.ts";
import type { StatedbRow } from "../models.ts";

/** Rows that are formatted without a pause. */
const atOnce = 500;

/** Which columns are shown: those asked for (`A,B`), else all. Throws CiliumError for one that there is not. */
export function chosenColumns(all: readonly string[], wanted: string | undefined): readonly string[] {
  if (wanted === undefined) return all;
  return wanted.split(",").map((name) => {
    const found = all.find((column) => column.toLowerCase() === name.trim().toLowerCase());
    if (found !== undefined) return found;
    throw new CiliumError(`Cannot show column "${name}": no such column (there are ${all.join(", ")})`);
  });
}

/** Cells of a row; lists are joined. */
export function cellsOf(row: StatedbRow, columns: readonly string[]): string[] {
  return columns.map((column) => cellOf(row[column]));
}

function cellOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(cellOf).join(", ");
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? "");
}

/**
 * The text of rows as `table` (a header, and a line for each), `json` (an object after the other) or `yaml` (documents).
 * Throws CiliumError for another format.
 */
export function formatRows(
  format: string,
  columns: readonly string[],
  rows: readonly StatedbRow[],
): AsyncGenerator<string, void, void> {
  if (format === "table") return formatTable(columns, rows);
  if (format === "json") return formatEach(rows, columns, jsonText);
  if (format === "yaml") return formatYaml(rows, columns);
  throw new CiliumError(`Cannot use format "${format}": unknown (expected table, json or yaml)`);
}

async function* formatTable(
  columns: readonly string[],
  rows: readonly StatedbRow[],
): AsyncGenerator<string, void, void> {
  const layout = new GrowingColumns();
  layout.widen(columns);
  for await (const piece of pieces(rows)) for (const row of piece) layout.widen(cellsOf(row, columns));
  yield `${layout.format(columns)}\n`;
  for await (const piece of pieces(rows)) {
    yield piece.map((row) => `${layout.format(cellsOf(row, columns))}\n`).join("");
  }
}

async function* formatEach(
  rows: readonly StatedbRow[],
  columns: readonly string[],
  textOf: (value: unknown) => string,
): AsyncGenerator<string, void, void> {
  for await (const piece of pieces(rows)) {
    yield piece.map((row) => textOf(Object.fromEntries(columns.map((column) => [column, row[column]])))).join("");
  }
}

async function* formatYaml(
  rows: readonly StatedbRow[],
  columns: readonly string[],
): AsyncGenerator<string, void, void> {
  // JSON is YAML too, and can hold any character without writing it.
  const { stringify } = await import("yaml");
  const documentOf = (value: unknown): string => {
    const json = JSON.stringify(value);
    return neutraliseJson(json) === json ? stringify(JSON.parse(json), { lineWidth: 0 }) : jsonText(value);
  };
  let separator = "";
  yield* formatEach(rows, columns, (value) => {
    const text = separator + documentOf(value);
    separator = "---\n";
    return text;
  });
}

/** Tables as one JSON object, a row in a line. */
export async function* formatDump(
  tables: readonly (readonly [name: string, rows: readonly StatedbRow[]])[],
): AsyncGenerator<string, void, void> {
  yield "{\n";
  for (const [at, [name, rows]] of tables.entries()) {
    const last = rows.at(-1);
    yield `  ${JSON.stringify(name)}: [\n`;
    for await (const piece of pieces(rows)) {
      yield piece.map((row) => `    ${neutraliseJson(JSON.stringify(row))}${row === last ? "" : ","}\n`).join("");
    }
    yield at === tables.length - 1 ? "  ]\n" : "  ],\n";
  }
  yield "}\n";
}

/** A value as indented JSON, with a newline. */
export function jsonText(value: unknown): string {
  return `${neutraliseJson(JSON.stringify(value, undefined, 2))}\n`;
}

/** Rows in pieces, with a pause behind each. */
async function* pieces<Row>(rows: readonly Row[]): AsyncGenerator<readonly Row[], void, void> {
  for (let from = 0; from < rows.length; from += atOnce) {
    yield rows.slice(from, from + atOnce);
    if (from + atOnce < rows.length) await turn();
  }
}
