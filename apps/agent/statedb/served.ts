// SPDX-License-Identifier: Apache-2.0
// Tables, and what is looked at only when somebody asks, in one form.
import { setTimeout as sleep } from "node:timers/promises";
import { Labels, type ReadonlyTable, type Status, type TableKey } from "../../../src/core/index.ts";
import type { Columns, ServedChange, ServedRow, ServedTable } from "./types.ts";

/** Milliseconds between two looks at a snapshot that somebody watches. */
const lookInterval = 1000;

export interface ServedOptions<Row> {
  readonly name: string;
  readonly columns: Columns<Row>;
  /** What names a row where no column alone does; the index of it is `id`. Default: the first column. */
  readonly key?: (row: Row) => string | number;
  /** Further columns that may be asked for by value. */
  readonly indexes?: readonly string[];
}

/** The index by keys that are no column. */
export const keyIndex = "id";

/** Keys in the order of people: numbers by their value. One collator, since making one takes longer than its answer. */
export const keyOrder = new Intl.Collator("en", { numeric: true }).compare;

/** Columns of a row that a reconciler brings about. */
export const statusColumns = {
  Status: ({ status }: { readonly status: Status }) => status.kind,
  Since: ({ status }: { readonly status: Status }) => new Date(status.since).toISOString(),
  Error: ({ status }: { readonly status: Status }) => (status.kind === "error" ? status.error : ""),
};

/** A table of the agent. What a slow reader has not seen is merged, so that it holds no more than the table. */
export function serveTable<Row extends object, Key extends TableKey>(
  table: ReadonlyTable<Row, Key>,
  options: ServedOptions<Row>,
): ServedTable {
  const served = (row: Row) => toServed(options, row);
  return {
    ...headOf(options),
    get size() {
      return table.size;
    },
    get revision() {
      return table.revision;
    },
    get initializers() {
      return table.pendingInitializers;
    },
    rows: () => Array.from(table.all(), served).sort(byKey),
    async *changes(signal) {
      for await (const batch of table.watch({ signal })) {
        yield batch.map(({ kind, row }) => ({ ...served(row), gone: kind !== "upsert" }));
      }
    },
  };
}

/** Rows that are made when somebody asks; a watcher looks again each second and gets what differs. */
export function serveSnapshot<Row>(read: () => Iterable<Row>, options: ServedOptions<Row>): ServedTable {
  const rows = () => Array.from(read(), (row) => toServed(options, row)).sort(byKey);
  return {
    ...headOf(options),
    get size() {
      return Array.from(read()).length;
    },
    revision: 0,
    initializers: [],
    rows,
    changes: (signal) => differences(rows, signal),
  };
}

async function* differences(
  read: () => readonly ServedRow[],
  signal: AbortSignal,
): AsyncGenerator<readonly ServedChange[], void, void> {
  let known = new Map<string, ServedRow & { readonly text: string }>();
  for (let first = true; !signal.aborted; first = false) {
    const now = new Map(read().map(({ key, row }) => [key, { key, row, text: JSON.stringify(row) }]));
    const changed = [...now.values()].filter(({ key, text }) => known.get(key)?.text !== text);
    const gone = [...known.values()].filter(({ key }) => !now.has(key));
    known = now;
    if (first || changed.length + gone.length > 0) {
      yield [
        ...changed.map(({ key, row }) => ({ key, row, gone: false })),
        ...gone.map(({ key, row }) => ({ key, row, gone: true })),
      ];
    }
    await sleep(lookInterval, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

function headOf<Row>({ name, columns, key, indexes = [] }: ServedOptions<Row>) {
  const names = Object.keys(columns);
  return { name, columns: names, indexes: [...(key === undefined ? names.slice(0, 1) : [keyIndex]), ...indexes] };
}

function toServed<Row>({ columns, key }: ServedOptions<Row>, row: Row): ServedRow {
  const entries = Object.entries(columns).map(([name, value]) => [name, plain(value(row))] as const);
  return { key: String(key === undefined ? (entries[0]?.[1] ?? "") : key(row)), row: Object.fromEntries(entries) };
}

function plain(value: unknown): unknown {
  if (value instanceof Labels) return value.toStrings();
  return value ?? "";
}

function byKey(a: ServedRow, b: ServedRow): number {
  return keyOrder(a.key, b.key);
}
