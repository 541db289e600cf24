// SPDX-License-Identifier: Apache-2.0
// A typed table of immutable rows with indexes and batched change delivery.

import { toError } from "./errors.ts";
import { deepFreeze, freezeByDefault } from "./freeze.ts";
import { createLogger } from "./log.ts";
import { PendingChanges } from "./table-changes.ts";
import { TableIndex } from "./table-index.ts";
import type { Batch, ReadonlyTable, TableKey, TableOptions, WatchOptions } from "./table-types.ts";
import { watchBatches } from "./table-watch.ts";

type Listener<Row> = (batch: Batch<Row>) => void;

interface Delivery<Row> {
  readonly listeners: readonly Listener<Row>[];
  readonly batch: Batch<Row>;
}

const log = createLogger("table");

/**
 * Rows by primary key. A row is never patched: `upsert` puts another object in its place. Changes reach listeners and
 * watchers in batches, once an event-loop turn, with at most one change for each key.
 */
export class Table<Row extends object, Key extends TableKey = TableKey> implements ReadonlyTable<Row, Key> {
  readonly name: string;
  readonly #keyOf: (row: Row) => Key;
  readonly #freeze: boolean;
  readonly #rows = new Map<Key, Row>();
  readonly #indexes = new Map<string, TableIndex<Row, Key>>();
  readonly #indexList: readonly TableIndex<Row, Key>[];
  readonly #initializers = new Map<symbol, string>();
  #initializedWaiters: (() => void)[] = [];
  #listeners: readonly Listener<Row>[] = [];
  #pending = new PendingChanges<Row, Key>();
  #deliveries: Delivery<Row>[] = [];
  #scheduled = false;
  #revision = 0;

  constructor(options: TableOptions<Row, Key>) {
    this.name = options.name;
    this.#keyOf = options.key;
    this.#freeze = options.freeze ?? freezeByDefault;
    for (const [name, read] of Object.entries(options.indexes ?? {})) {
      this.#indexes.set(name, new TableIndex(read));
    }
    this.#indexList = [...this.#indexes.values()];
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Grows by one with each change of a row. */
  get revision(): number {
    return this.#revision;
  }

  /** The primary key of a row. */
  keyOf(row: Row): Key {
    return this.#keyOf(row);
  }

  get(key: Key): Row | undefined {
    return this.#rows.get(key);
  }

  has(key: Key): boolean {
    return this.#rows.has(key);
  }

  /** All rows in order of insertion. Rows that change while iterating may or may not be seen in their new form. */
  all(): IterableIterator<Row> {
    return this.#rows.values();
  }

  /** The rows whose index has this value, in order of insertion; throws for an index that was not declared. */
  by(index: string, value: TableKey): readonly Row[] {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new TypeError(`Cannot query table "${this.name}": no index "${index}"`);
    const rows: Row[] = [];
    for (const key of found.keys(value)) {
      const row = this.#rows.get(key);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  /** Puts a row in; returns the row that it replaced. The very same object again is no change. */
  upsert(row: Row): Row | undefined {
    const key = this.#keyOf(row);
    const previous = this.#rows.get(key);
    if (previous === row) return previous;
    if (this.#freeze) deepFreeze(row);
    this.#rows.set(key, row);
    this.#changed(key, previous, row);
    return previous;
  }

  /** Puts several rows in. */
  upsertMany(rows: Iterable<Row>): void {
    for (const row of rows) this.upsert(row);
  }

  /** Takes a row out and returns it; undefined when there was none. */
  delete(key: Key): Row | undefined {
    const previous = this.#rows.get(key);
    if (previous === undefined) return undefined;
    this.#rows.delete(key);
    this.#changed(key, previous, undefined);
    return previous;
  }

  /** Calls the listener with each later batch until the result is disposed. A listener that throws is logged. */
  onChange(listener: Listener<Row>): Disposable {
    this.#seal();
    // A wrapper, so that a listener may be registered twice and each registration ends by itself.
    let active = true;
    const entry: Listener<Row> = (batch) => {
      if (active) listener(batch);
    };
    this.#listeners = [...this.#listeners, entry];
    return {
      [Symbol.dispose]: () => {
        active = false;
        this.#listeners = this.#listeners.filter((other) => other !== entry);
      },
    };
  }

  /**
   * Iterates over batches of changes, from now on. A slow consumer gets changes merged for each key. Unless `initial`
   * is false, the first batch holds all present rows (and comes also when there are none).
   */
  watch(options: WatchOptions = {}): AsyncIterableIterator<Batch<Row>> {
    return watchBatches<Row, Key>({
      key: this.#keyOf,
      subscribe: (listener) => this.onChange(listener),
      initial: options.initial === false ? undefined : this.#everything(),
      signal: options.signal,
    });
  }

  /** Announces a source that will fill the table; the result is called when its first full set of rows is in. */
  registerInitializer(name: string): () => void {
    const id = Symbol(name);
    this.#initializers.set(id, name);
    return () => {
      if (!this.#initializers.delete(id) || this.#initializers.size > 0) return;
      const waiters = this.#initializedWaiters;
      this.#initializedWaiters = [];
      for (const waiter of waiters) waiter();
    };
  }

  /** Names of the sources that have not delivered their first full set. */
  get pendingInitializers(): readonly string[] {
    return [...this.#initializers.values()];
  }

  /** Resolves when no source is outstanding; rejects with the signal's reason when that aborts first. */
  async initialized(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#initializers.size === 0) return;
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(toError(signal?.reason));
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#initializedWaiters.push(() => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
    });
  }

  #changed(key: Key, previous: Row | undefined, next: Row | undefined): void {
    this.#revision++;
    for (const index of this.#indexList) index.update(key, previous, next);
    if (this.#listeners.length === 0) return;
    this.#pending.add(key, previous, next);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#deliver());
  }

  /** Closes the batch under way, so that a listener that comes now does not get changes from before. */
  #seal(): void {
    if (this.#pending.size === 0) return;
    this.#deliveries.push({ listeners: this.#listeners, batch: this.#pending.take() });
  }

  #deliver(): void {
    this.#scheduled = false;
    this.#seal();
    const deliveries = this.#deliveries;
    this.#deliveries = [];
    for (const { listeners, batch } of deliveries) {
      for (const listener of listeners) {
        try {
          listener(batch);
        } catch (error) {
          log.error("Table listener failed", { table: this.name, error: toError(error) });
        }
      }
    }
  }

  #everything(): Batch<Row> {
    return Array.from(this.#rows.values(), (row) => ({ kind: "upsert", row }) as const);
  }
}
