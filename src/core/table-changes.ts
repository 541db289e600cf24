// SPDX-License-Identifier: Apache-2.0
// Changes that wait for delivery, merged so that each key appears once.

import type { Batch, Change, TableKey } from "./table-types.ts";

/** Collects changes of rows; what came and went between two deliveries leaves nothing. */
export class PendingChanges<Row, Key extends TableKey> {
  #changes = new Map<Key, Change<Row>>();

  get size(): number {
    return this.#changes.size;
  }

  /** Adds one change; `previous` is the row that `next` replaces. */
  add(key: Key, previous: Row | undefined, next: Row | undefined): void {
    const earlier = this.#changes.get(key);
    const base = earlier === undefined ? previous : deliveredRow(earlier);
    if (next !== undefined) {
      this.#changes.set(key, base === undefined ? { kind: "upsert", row: next } : upsert(next, base));
    } else if (base !== undefined) {
      this.#changes.set(key, { kind: "delete", row: base });
    } else {
      this.#changes.delete(key);
    }
  }

  /** Adds a whole delivery that came later than everything in here. */
  addBatch(batch: Batch<Row>, key: (row: Row) => Key): void {
    for (const change of batch) {
      const previous = change.kind === "upsert" ? change.previous : change.row;
      this.add(key(change.row), previous, change.kind === "upsert" ? change.row : undefined);
    }
  }

  /** Hands over everything and starts anew. */
  take(): Batch<Row> {
    const batch = [...this.#changes.values()];
    this.#changes = new Map();
    return batch;
  }
}

function upsert<Row>(row: Row, previous: Row): Change<Row> {
  return { kind: "upsert", row, previous };
}

/** The row that the receiver holds at the time of a change that it has not seen yet. */
function deliveredRow<Row>(change: Change<Row>): Row | undefined {
  return change.kind === "upsert" ? change.previous : change.row;
}
