// SPDX-License-Identifier: Apache-2.0
// A table as it changes: first all rows, then a line for each change.
import { CiliumError, GrowingColumns, neutraliseJson } from "../../core/index.ts";
import type { StatedbChange } from "../models.ts";
import { cellsOf } from "./rows.ts";

interface WatchOptions {
  readonly columns: readonly string[];
  readonly format: string;
  /** Whether the table has no rows yet. */
  readonly empty: boolean;
}

/** Goes on until the changes end. `json` is a line for each change, as it is served below /statedb. */
export function watchTable(
  changes: AsyncIterable<StatedbChange>,
  options: WatchOptions,
): AsyncGenerator<string, void, void> {
  if (options.format === "json") return watchJson(changes);
  if (options.format === "table") return watchLines(changes, options);
  throw new CiliumError(`Cannot watch as "${options.format}": unknown format (expected table or json)`);
}

async function* watchJson(changes: AsyncIterable<StatedbChange>): AsyncGenerator<string, void, void> {
  for await (const change of changes) yield `${neutraliseJson(JSON.stringify(change))}\n`;
}

/** A row that went is shown as it was, with `(deleted)`. The first rows come together, so that all columns fit. */
async function* watchLines(
  changes: AsyncIterable<StatedbChange>,
  { columns, empty }: WatchOptions,
): AsyncGenerator<string, void, void> {
  const layout = new GrowingColumns();
  layout.widen(columns);
  let first: string[][] | undefined = [[...columns]];
  if (empty) {
    yield `${layout.format(columns)}\n`;
    first = undefined;
  }
  for await (const { obj, deleted, init } of changes) {
    const cells = cellsOf(obj ?? {}, columns);
    layout.widen(cells);
    if (first === undefined) yield `${layout.format(cells)}${deleted === true ? " (deleted)" : ""}\n`;
    else {
      first.push(cells);
      if (init !== true) continue;
      yield first.map((line) => `${layout.format(line)}\n`).join("");
      first = undefined;
    }
  }
}
