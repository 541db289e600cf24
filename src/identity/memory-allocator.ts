// SPDX-License-Identifier: Apache-2.0
// Identities within one process: for a node alone, for the simulator, for tests.
import { CiliumError, type Labels, type ReadonlyTable, type Table } from "../core/index.ts";
import { IdentityExhaustedError } from "./errors.ts";
import { IdPool } from "./pool.ts";
import { reservedIdentityOf } from "./reserved.ts";
import { createIdentityTable } from "./table.ts";
import { clusterIdentityRange, type IdentityAllocator, type IdentityRange, type IdentityRow } from "./types.ts";

interface Held {
  readonly row: IdentityRow;
  /** References by allocator. */
  readonly holders: Map<object, number>;
  /** Seen unused by the garbage collection before. */
  marked: boolean;
}

/** What several allocators of one process share, as nodes share a key-value store. */
export class MemoryIdentityBackend {
  readonly #range: IdentityRange;
  readonly #pool: IdPool;
  readonly #byId = new Map<number, Held>();
  readonly #byLabels = new Map<string, Held>();
  readonly #tables = new Set<Table<IdentityRow, number>>();

  constructor(range: IdentityRange = clusterIdentityRange) {
    this.#range = range;
    this.#pool = new IdPool(range);
  }

  /** The table gets all identities, now and later, until `detach`. */
  attach(table: Table<IdentityRow, number>): void {
    this.#tables.add(table);
    for (const { row } of this.#byId.values()) table.upsert(row);
  }

  detach(table: Table<IdentityRow, number>): void {
    this.#tables.delete(table);
  }

  acquire(labels: Labels, holder: object): IdentityRow {
    const held = this.#byLabels.get(labels.canonical) ?? this.#create(labels);
    held.marked = false;
    held.holders.set(holder, (held.holders.get(holder) ?? 0) + 1);
    return held.row;
  }

  release(id: number, holder: object): boolean {
    const held = this.#byId.get(id);
    const references = held?.holders.get(holder);
    if (held === undefined || references === undefined) return false;
    if (references > 1) {
      held.holders.set(holder, references - 1);
      return false;
    }
    return held.holders.delete(holder);
  }

  references(id: number, holder: object): number {
    return this.#byId.get(id)?.holders.get(holder) ?? 0;
  }

  releaseAll(holder: object): void {
    for (const held of this.#byId.values()) held.holders.delete(holder);
  }

  collectGarbage(): readonly number[] {
    const removed: number[] = [];
    for (const [id, held] of this.#byId) {
      if (held.holders.size > 0) held.marked = false;
      else if (!held.marked) held.marked = true;
      else removed.push(id);
    }
    for (const id of removed) this.#remove(id);
    return removed;
  }

  #create(labels: Labels): Held {
    const id = this.#pool.next((candidate) => this.#byId.has(candidate));
    if (id === undefined) throw new IdentityExhaustedError(labels.toString(), this.#range);
    const held: Held = { row: { id, labels, source: "memory" }, holders: new Map(), marked: false };
    this.#byId.set(id, held);
    this.#byLabels.set(labels.canonical, held);
    for (const table of this.#tables) table.upsert(held.row);
    return held;
  }

  #remove(id: number): void {
    const held = this.#byId.get(id);
    if (held === undefined) return;
    this.#byId.delete(id);
    this.#byLabels.delete(held.row.labels.canonical);
    for (const table of this.#tables) table.delete(id);
  }
}

/** Where an allocator in memory keeps what it knows. */
export interface MemoryIdentityOptions {
  /** Shared with other allocators of this process; by default one of its own. */
  readonly backend?: MemoryIdentityBackend;
  /** From createIdentityTable; by default one of its own. */
  readonly table?: Table<IdentityRow, number>;
}

/** An allocator whose identities end with the process. */
export function createMemoryIdentityAllocator(options: MemoryIdentityOptions = {}): IdentityAllocator {
  return new MemoryIdentityAllocator(
    options.backend ?? new MemoryIdentityBackend(),
    options.table ?? createIdentityTable(),
  );
}

class MemoryIdentityAllocator implements IdentityAllocator {
  readonly table: ReadonlyTable<IdentityRow, number>;
  readonly #backend: MemoryIdentityBackend;
  readonly #table: Table<IdentityRow, number>;
  #closed = false;

  constructor(backend: MemoryIdentityBackend, table: Table<IdentityRow, number>) {
    this.#backend = backend;
    this.#table = table;
    this.table = table;
    backend.attach(table);
  }

  async allocate(labels: Labels): Promise<IdentityRow> {
    if (this.#closed) throw new CiliumError(`Cannot allocate identity "${labels}": the allocator is closed`);
    return this.#reserved(labels) ?? this.#backend.acquire(labels, this);
  }

  async release(id: number): Promise<boolean> {
    return this.#backend.release(id, this);
  }

  references(id: number): number {
    return this.#backend.references(id, this);
  }

  get(id: number): IdentityRow | undefined {
    return this.#table.get(id);
  }

  lookup(labels: Labels): IdentityRow | undefined {
    return this.#reserved(labels) ?? this.#table.by("labels", labels.canonical)[0];
  }

  async collectGarbage(): Promise<readonly number[]> {
    return this.#backend.collectGarbage();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#backend.releaseAll(this);
    this.#backend.detach(this.#table);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #reserved(labels: Labels): IdentityRow | undefined {
    const id = reservedIdentityOf(labels);
    return id === undefined ? undefined : this.#table.get(id);
  }
}
