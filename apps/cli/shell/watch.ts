// SPDX-License-Identifier: Apache-2.0
// A table as it changes: first all rows, then a line for each change.
import type { StatedbChange, StatedbRow } from "../../../src/api/index.ts";
import type { Context } from "../context.ts";
import { UsageError } from "../errors.ts";
import { neutraliseJson } from "../output/escape.ts";
import { rowLines } from "./rows.ts";

/** Prints until the changes end. `json` is a line for each change, as the agent sends it. */
export async function watchTable(
  context: Context,
  changes: AsyncIterable<StatedbChange>,
  columns: readonly string[],
  format: string,
): Promise<void> {
  if (format === "json") {
    for await (const change of changes) context.io.stdout(`${neutraliseJson(JSON.stringify(change))}\n`);
  } else if (format === "table") await watchLines(context, changes, columns);
  else throw new UsageError(`Cannot watch as "${format}": unknown format (expected table or json)`);
}

/** The first rows say how wide columns are. A row that went is shown as it was, with `(deleted)`. */
async function watchLines(
  context: Context,
  changes: AsyncIterable<StatedbChange>,
  columns: readonly string[],
): Promise<void> {
  const shown = new Map<string, StatedbRow>();
  const first: StatedbRow[] = [];
  let begun = false;
  for await (const { key, obj, deleted, init } of changes) {
    if (!begun && obj !== undefined) first.push(obj);
    const row = obj ?? shown.get(key) ?? {};
    if (deleted === true) shown.delete(key);
    else shown.set(key, row);
    if (!begun && (init === true || deleted === true)) {
      context.print(rowLines(columns, first));
      begun = true;
    } else if (begun) {
      const [, line = ""] = rowLines(columns, [row, ...first]);
      context.print([deleted === true ? `${line}   (deleted)` : line]);
    }
  }
}
