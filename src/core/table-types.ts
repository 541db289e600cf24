// SPDX-License-Identifier: Apache-2.0
// What a table needs to know about its rows, and what its watchers get.

/** A row's primary key, and the value of an index. */
export type TableKey = string | number;

/** What an index may return for a row: nothing, one value, or several. */
export type IndexValue = TableKey | readonly TableKey[] | undefined;

/** One row's change since the last delivery. `previous` is the row as last delivered. */
export type Change<Row> =
  | { readonly kind: "upsert"; readonly row: Row; readonly previous?: Row }
  | { readonly kind: "delete"; readonly row: Row };

/** Changes of one delivery; at most one for each key, in order of the first change of each key. */
export type Batch<Row> = readonly Change<Row>[];

/** Index functions by name. They must be pure, and depend on the row alone. */
export type IndexFunctions<Row> = Readonly<Record<string, (row: Row) => IndexValue>>;

/** How to make a table. */
export interface TableOptions<Row extends object, Key extends TableKey> {
  readonly name: string;
  /** The primary key of a row; it may never change for a row. */
  readonly key: (row: Row) => Key;
  readonly indexes?: IndexFunctions<Row>;
  /** Deep-freeze rows on their way in. Default: only under the test runner or with CILIUM_FREEZE_ROWS=1. */
  readonly freeze?: boolean;
}

/** How to watch a table. */
export interface WatchOptions {
  /** Ends the iteration, quietly, when it aborts. */
  readonly signal?: AbortSignal;
  /** First deliver all present rows as one batch of upserts (an empty one if there are none). Default true. */
  readonly initial?: boolean;
}

/** The part of a table that readers get. */
export interface ReadonlyTable<Row extends object, Key extends TableKey = TableKey> {
  readonly name: string;
  readonly size: number;
  /** Grows by one with each change of a row. */
  readonly revision: number;
  get(key: Key): Row | undefined;
  has(key: Key): boolean;
  all(): IterableIterator<Row>;
  by(index: string, value: TableKey): readonly Row[];
  onChange(listener: (batch: Batch<Row>) => void): Disposable;
  watch(options?: WatchOptions): AsyncIterableIterator<Batch<Row>>;
  readonly pendingInitializers: readonly string[];
  initialized(signal?: AbortSignal): Promise<void>;
}
