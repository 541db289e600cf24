// SPDX-License-Identifier: Apache-2.0
// What a table needs for being served.
import type { StatedbRow } from "../../../src/api/index.ts";

/** A row as it is served: values by column. */
export interface ServedRow {
  readonly key: string;
  readonly row: StatedbRow;
}

/** A change of a row. */
export interface ServedChange extends ServedRow {
  /** Whether it went; `row` is then what it was. */
  readonly gone: boolean;
}

/** One table of the agent. */
export interface ServedTable {
  readonly name: string;
  /** In the order in which people see them. */
  readonly columns: readonly string[];
  /** Column names by which rows are asked for; the first is the key. */
  readonly indexes: readonly string[];
  readonly size: number;
  readonly revision: number;
  readonly initializers: readonly string[];
  /** Sorted by key. */
  rows(): readonly ServedRow[];
  /** All rows as one batch, then batches of changes until the signal aborts. */
  changes(signal: AbortSignal): AsyncIterable<readonly ServedChange[]>;
}

/** Columns by name, in the order in which people see them; the first one is the key. */
export type Columns<Row> = Readonly<Record<string, (row: Row) => unknown>>;
