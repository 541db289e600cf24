// SPDX-License-Identifier: Apache-2.0
// The known nodes: what each source says, of which the best one of a node is its row.
import type { Table } from "../core/index.ts";
import { type NodeRow, type NodeSource, nodeKey } from "./types.ts";

const ranks: Readonly<Record<NodeSource, number>> = { local: 3, kvstore: 2, "custom-resource": 1 };

/** Writes the node table; keeps what each source says, so that the next best one takes over. */
export class NodeStore {
  readonly #table: Table<NodeRow, string>;
  readonly #said = new Map<string, Map<NodeSource, NodeRow>>();

  constructor(table: Table<NodeRow, string>) {
    this.#table = table;
  }

  upsert(row: NodeRow): void {
    const key = nodeKey(row);
    const bySource = this.#said.get(key) ?? new Map<NodeSource, NodeRow>();
    this.#said.set(key, bySource.set(row.source, row));
    this.#write(key);
  }

  /** The source says no more about the node; no error when it said nothing. */
  remove(key: string, source: NodeSource): void {
    const bySource = this.#said.get(key);
    if (bySource?.delete(source) !== true) return;
    if (bySource.size === 0) this.#said.delete(key);
    this.#write(key);
  }

  #write(key: string): void {
    const rows = [...(this.#said.get(key)?.values() ?? [])];
    const best = rows.sort((a, b) => ranks[b.source] - ranks[a.source])[0];
    const before = this.#table.get(key);
    if (best === undefined) this.#table.delete(key);
    else if (JSON.stringify(before) !== JSON.stringify(best)) this.#table.upsert(best);
  }
}
