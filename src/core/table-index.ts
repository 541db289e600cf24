// SPDX-License-Identifier: Apache-2.0
// A secondary index: value to keys. A value with a single key, the common case, costs no set.

import type { IndexValue, TableKey } from "./table-types.ts";

const NO_VALUES: readonly TableKey[] = [];

/** Maps index values to the keys of rows that have them. */
export class TableIndex<Row, Key extends TableKey> {
  readonly #read: (row: Row) => IndexValue;
  readonly #buckets = new Map<TableKey, Key | Set<Key>>();

  constructor(read: (row: Row) => IndexValue) {
    this.#read = read;
  }

  /** The keys with this value, in order of insertion. */
  keys(value: TableKey): Iterable<Key> {
    const bucket = this.#buckets.get(value);
    if (bucket === undefined) return [];
    return bucket instanceof Set ? bucket : [bucket];
  }

  /** Takes note that the row of `key` went from `previous` (undefined: was not there) to `next` (undefined: is gone). */
  update(key: Key, previous: Row | undefined, next: Row | undefined): void {
    const before = previous === undefined ? undefined : this.#read(previous);
    const after = next === undefined ? undefined : this.#read(next);
    if (before === after) return;
    const removed = asList(before);
    const added = asList(after);
    for (const value of removed) if (!added.includes(value)) this.#remove(value, key);
    for (const value of added) if (!removed.includes(value)) this.#add(value, key);
  }

  #add(value: TableKey, key: Key): void {
    const bucket = this.#buckets.get(value);
    if (bucket === undefined) this.#buckets.set(value, key);
    else if (bucket instanceof Set) bucket.add(key);
    else if (bucket !== key) this.#buckets.set(value, new Set([bucket, key]));
  }

  #remove(value: TableKey, key: Key): void {
    const bucket = this.#buckets.get(value);
    if (bucket === key) this.#buckets.delete(value);
    else if (bucket instanceof Set) {
      bucket.delete(key);
      if (bucket.size === 0) this.#buckets.delete(value);
    }
  }
}

function asList(value: IndexValue): readonly TableKey[] {
  if (value === undefined) return NO_VALUES;
  return typeof value === "object" ? value : [value];
}
