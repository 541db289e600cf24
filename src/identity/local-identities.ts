// SPDX-License-Identifier: Apache-2.0
// Identities that only this node knows (prefixes, nodes): numbers with a scope of their own, the same after a restart.
import { Labels, type Table } from "../core/index.ts";
import { IdentityExhaustedError } from "./errors.ts";
import type { IdentityRange, IdentityRow } from "./types.ts";

/** The numbers of prefixes, both ends included. */
export const localIdentityRange: IdentityRange = { min: 0x0100_0001, max: 0x01ff_ffff };
/** The numbers of other nodes, both ends included. */
export const remoteNodeIdentityRange: IdentityRange = { min: 0x0200_0001, max: 0x02ff_ffff };

/** What has to be kept over a restart, as JSON. */
export interface LocalIdentitySnapshot {
  /** The number to try next: one that was given back rests until all others had their turn. */
  readonly next: number;
  readonly identities: readonly { readonly id: number; readonly labels: readonly string[] }[];
}

/** Gives numbers to label sets, and keeps their rows in the table of identities. */
export class LocalIdentities {
  readonly #table: Table<IdentityRow, number>;
  readonly #byLabels = new Map<string, IdentityRow>();
  readonly #ids = new Set<number>();
  readonly #range: IdentityRange;
  #next: number;

  constructor(table: Table<IdentityRow, number>, range: IdentityRange = localIdentityRange) {
    this.#table = table;
    this.#range = range;
    this.#next = range.min;
  }

  /** Takes over what an earlier run had. Call before the first `take`; throws FormatError for bad labels. */
  restore(snapshot: LocalIdentitySnapshot): void {
    for (const { id, labels } of snapshot.identities) {
      if (this.#inRange(id) && !this.#ids.has(id)) this.#add({ id, labels: Labels.parse(labels), source: "local" });
    }
    if (this.#inRange(snapshot.next)) this.#next = snapshot.next;
  }

  /** The identity of the labels, made if it is new. Throws IdentityExhaustedError. */
  take(labels: Labels): IdentityRow {
    return this.#byLabels.get(labels.canonical) ?? this.#add({ id: this.#free(labels), labels, source: "local" });
  }

  /** Whether the labels have an identity. */
  has(labels: Labels): boolean {
    return this.#byLabels.has(labels.canonical);
  }

  /** Forgets an identity; no error for numbers that are not there. */
  remove(id: number): void {
    if (!this.#ids.delete(id)) return;
    const row = this.#table.get(id);
    if (row !== undefined) this.#byLabels.delete(row.labels.canonical);
    this.#table.delete(id);
  }

  /** All that there are, in the order of their making. */
  all(): readonly IdentityRow[] {
    return [...this.#byLabels.values()];
  }

  toJSON(): LocalIdentitySnapshot {
    const identities = this.all().map(({ id, labels }) => ({ id, labels: labels.toStrings() }));
    return { next: this.#next, identities };
  }

  #add(row: IdentityRow): IdentityRow {
    this.#ids.add(row.id);
    this.#byLabels.set(row.labels.canonical, row);
    this.#table.upsert(row);
    return row;
  }

  #free(labels: Labels): number {
    const { min, max } = this.#range;
    if (this.#ids.size > max - min) throw new IdentityExhaustedError(labels.canonical, this.#range);
    while (this.#ids.has(this.#next)) this.#next = this.#next === max ? min : this.#next + 1;
    const id = this.#next;
    this.#next = id === max ? min : id + 1;
    return id;
  }

  #inRange(id: number): boolean {
    return Number.isInteger(id) && id >= this.#range.min && id <= this.#range.max;
  }
}
