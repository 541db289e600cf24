// SPDX-License-Identifier: Apache-2.0
// Brings the outside world in line with a table, writes the outcome into the rows, and never gives up.

import { setImmediate as turn } from "node:timers/promises";
import { type Clock, systemClock } from "./clock.ts";
import { CiliumError, errorChain, toError } from "./errors.ts";
import type { Health, Module } from "./lifecycle-types.ts";
import { createLogger } from "./log.ts";
import type { ReconcilerMetrics } from "./reconciler-metrics.ts";
import { RetryQueue, type RetryTimes } from "./retry-queue.ts";
import { doneStatus, errorStatus, type Status } from "./status.ts";
import type { Table } from "./table.ts";
import type { Batch, TableKey } from "./table-types.ts";

/** Keys of a batch that failed, with why. Nothing, or an empty map, when all of it went well. */
// biome-ignore lint/suspicious/noConfusingVoidType: operations that cannot fail in part return nothing
export type Failures<Key> = ReadonlyMap<Key, Error> | void;

/** The effects. All must be idempotent; a rejection counts for each row of the batch. */
export interface ReconcilerOps<Row, Key> {
  /** Brings about what the rows say. Also called for rows that are in place already. */
  update(rows: readonly Row[], signal: AbortSignal): Promise<Failures<Key>>;
  /** Undoes rows that left the table. What is gone already is no error. */
  delete(rows: readonly Row[], signal: AbortSignal): Promise<Failures<Key>>;
  /** Removes what no row of the table wants; gets all rows. */
  prune(rows: readonly Row[], signal: AbortSignal): Promise<void>;
}

/** How to make a reconciler. */
export interface ReconcilerOptions<Row extends object, Key extends TableKey> {
  readonly name: string;
  readonly table: Table<Row, Key>;
  readonly getStatus: (row: Row) => Status;
  readonly withStatus: (row: Row, status: Status) => Row;
  readonly ops: ReconcilerOps<Row, Key>;
  /** Delays of the first and the longest retry of a row, ms. Default 100 ms to 30 s, doubled each time. */
  readonly retry?: RetryTimes;
  /** Update all rows and prune this often, ms. Default: only on demand. */
  readonly resyncMs?: number;
  /** Most rows given to one call of an operation. Default 1000. */
  readonly batchSize?: number;
  readonly clock?: Clock;
  readonly metrics?: ReconcilerMetrics;
}

/** A running reconciler; a module. `start` returns at once, the first pass waits for the table's initializers. */
export interface Reconciler extends Module {
  stop(): Promise<void>;
  health(): Health;
  /** Updates all rows and prunes; resolves when that is done, rejects when the reconciler stops first. */
  resync(): Promise<void>;
  /** Resolves when the first full pass is done and nothing is due. Rows in error, waiting to be retried, count as settled. */
  waitUntilSettled(signal?: AbortSignal): Promise<void>;
  /** Rows, updates and deletes alike, whose last try failed. */
  readonly failing: number;
}

/** Makes a reconciler for a table; there is at most one for a table. */
export function createReconciler<Row extends object, Key extends TableKey>(
  options: ReconcilerOptions<Row, Key>,
): Reconciler {
  return new TableReconciler(options);
}

interface Waiter {
  resolve(): void;
  reject(error: Error): void;
}

class TableReconciler<Row extends object, Key extends TableKey> implements Reconciler {
  readonly name: string;
  readonly #options: ReconcilerOptions<Row, Key>;
  readonly #clock: Clock;
  readonly #batchSize: number;
  readonly #log;
  readonly #stopping = new AbortController();
  #dirty = new Set<Key>();
  #deletions = new Map<Key, Row>();
  /** Rows put into the table by this reconciler, until their change comes round. */
  readonly #own = new Set<Row>();
  readonly #updateRetries: RetryQueue<Key, undefined>;
  readonly #deleteRetries: RetryQueue<Key, Row>;
  #pruneFailure: string | undefined;
  #pruneAttempts = 0;
  #fullPassWanted = false;
  #firstPassDone = false;
  #busy = false;
  #wake: () => void = () => {};
  #settled: Waiter[] = [];
  #resyncs: Waiter[] = [];
  #loop: Promise<void> | undefined;

  constructor(options: ReconcilerOptions<Row, Key>) {
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#batchSize = options.batchSize ?? 1000;
    this.#log = createLogger("reconciler").child({ reconciler: options.name });
    const times = options.retry ?? { minMs: 100, maxMs: 30_000 };
    const due = () => this.#wake();
    this.#updateRetries = new RetryQueue(this.#clock, times, due);
    this.#deleteRetries = new RetryQueue(this.#clock, times, due);
  }

  get failing(): number {
    return this.#updateRetries.size + this.#deleteRetries.size;
  }

  start(signal: AbortSignal): Promise<void> {
    if (this.#loop !== undefined) throw new CiliumError(`Cannot start reconciler "${this.name}": started already`);
    const stopped = this.#stopping.signal;
    stopped.addEventListener("abort", () => this.#wake(), { once: true });
    if (signal.aborted) this.#stopping.abort();
    else signal.addEventListener("abort", () => this.#stopping.abort(), { once: true, signal: stopped });
    this.#loop = this.#run(stopped);
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  health(): Health {
    if (this.#stopping.signal.aborted) return { state: "stopped" };
    const first = this.#updateRetries.firstError ?? this.#deleteRetries.firstError;
    if (first !== undefined) return { state: "degraded", message: `${this.failing} rows failed, such as: ${first}` };
    if (this.#pruneFailure !== undefined) return { state: "degraded", message: `Prune failed: ${this.#pruneFailure}` };
    const waiting = this.#options.table.pendingInitializers;
    return waiting.length === 0 ? { state: "ok" } : { state: "ok", message: `Waiting for ${waiting.join(", ")}` };
  }

  resync(): Promise<void> {
    return this.#wait(this.#resyncs, () => {
      this.#fullPassWanted = true;
      this.#wake();
    });
  }

  async waitUntilSettled(signal?: AbortSignal): Promise<void> {
    await turn();
    signal?.throwIfAborted();
    if (this.#firstPassDone && !this.#busy && !this.#hasWork()) return;
    const aborted = Promise.withResolvers<void>();
    const onAbort = () => aborted.reject(toError(signal?.reason));
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([aborted.promise, this.#wait(this.#settled)]);
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #wait(waiters: Waiter[], then?: () => void): Promise<void> {
    if (this.#stopping.signal.aborted) return Promise.reject(this.#stoppedError());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiters.push({ resolve, reject });
    then?.();
    return promise;
  }

  #stoppedError(): Error {
    return new CiliumError(`Cannot wait for reconciler "${this.name}": stopped`, { code: "STOPPED" });
  }

  async #run(stopped: AbortSignal): Promise<void> {
    const { table, resyncMs } = this.#options;
    using _changes = table.onChange((batch) => this.#takeChanges(batch));
    let timer: Disposable | undefined;
    try {
      await table.initialized(stopped);
      await this.#fullPass(stopped);
      this.#firstPassDone = true;
      timer = resyncMs === undefined ? undefined : this.#everyInterval(resyncMs);
      while (!stopped.aborted) {
        if (this.#fullPassWanted) await this.#fullPass(stopped);
        else if (this.#hasWork()) await this.#pass(stopped);
        else await this.#idle();
      }
    } catch (error) {
      if (!stopped.aborted) this.#log.error("Reconciler died", { error: toError(error) });
    } finally {
      this.#stopping.abort();
      timer?.[Symbol.dispose]();
      this.#updateRetries.clear();
      this.#deleteRetries.clear();
      for (const waiter of [...this.#settled, ...this.#resyncs]) waiter.reject(this.#stoppedError());
    }
  }

  #everyInterval(ms: number): Disposable {
    let timer: Disposable;
    const again = () => {
      timer = this.#clock.after(ms, () => {
        this.#fullPassWanted = true;
        this.#wake();
        again();
      });
    };
    again();
    return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
  }

  #takeChanges(batch: Batch<Row>): void {
    for (const change of batch) {
      const key = this.#options.table.keyOf(change.row);
      if (change.kind === "delete") {
        this.#dirty.delete(key);
        this.#updateRetries.forget(key);
        this.#deletions.set(key, change.row);
      } else if (!this.#own.delete(change.row)) {
        this.#updateRetries.forget(key);
        this.#deleteRetries.forget(key);
        this.#deletions.delete(key);
        this.#dirty.add(key);
      }
    }
    this.#wake();
  }

  #hasWork(): boolean {
    const retries = this.#updateRetries.hasDue() || this.#deleteRetries.hasDue();
    return this.#dirty.size > 0 || this.#deletions.size > 0 || this.#fullPassWanted || retries;
  }

  async #idle(): Promise<void> {
    const settled = this.#settled;
    this.#settled = [];
    for (const waiter of settled) waiter.resolve();
    if (this.#hasWork() || this.#stopping.signal.aborted) return;
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  async #fullPass(stopped: AbortSignal): Promise<void> {
    const { table } = this.#options;
    const waiters = this.#resyncs;
    this.#resyncs = [];
    this.#fullPassWanted = false;
    try {
      for (const row of table.all()) this.#dirty.add(table.keyOf(row));
      await this.#pass(stopped);
      if (!stopped.aborted) await this.#prune(stopped);
      for (const waiter of waiters) waiter.resolve();
    } finally {
      if (stopped.aborted) for (const waiter of waiters) waiter.reject(this.#stoppedError());
    }
  }

  /** One round of deletes, then updates, of everything due now. */
  async #pass(stopped: AbortSignal): Promise<void> {
    this.#busy = true;
    const deletions = this.#deletions;
    this.#deletions = new Map();
    for (const [key, row] of this.#deleteRetries.takeDue()) deletions.set(key, row);
    const dirty = this.#dirty;
    this.#dirty = new Set();
    for (const [key] of this.#updateRetries.takeDue()) dirty.add(key);
    try {
      for (const batch of chunks([...deletions], this.#batchSize)) await this.#deleteBatch(batch, stopped);
      for (const keys of chunks([...dirty], this.#batchSize)) {
        if (!stopped.aborted) await this.#updateBatch(keys, stopped);
      }
      await turn();
      // All of our own writes have come round by now. (A row that came and went between two deliveries is never
      // announced; only a full pass can have seen it, and the prune that follows removes it.)
      this.#own.clear();
    } finally {
      this.#busy = false;
    }
  }

  async #updateBatch(keys: readonly Key[], stopped: AbortSignal): Promise<void> {
    const { table, ops, metrics } = this.#options;
    const rows = keys.map((key) => table.get(key)).filter((row) => row !== undefined);
    if (rows.length === 0) return;
    const done = metrics?.begin(this.name);
    const failures = await attempt(
      rows,
      (row) => table.keyOf(row),
      () => ops.update(rows, stopped),
    );
    done?.(failures.size);
    if (failures.size > 0) this.#logFailures("Update failed", failures, stopped);
    for (const row of rows) {
      this.#settleRow(row, failures.get(table.keyOf(row)));
    }
  }

  #settleRow(row: Row, failure: Error | undefined): void {
    const { table, getStatus, withStatus } = this.#options;
    const key = table.keyOf(row);
    const current = table.get(key);
    // Changed or gone meanwhile: what was done is out of date, and the change is on its way or due here.
    if (current !== row) {
      if (current === undefined) this.#deletions.set(key, row);
      else this.#dirty.add(key);
      return;
    }
    const before = getStatus(row);
    const now = this.#clock.now();
    if (failure === undefined) {
      this.#updateRetries.forget(key);
      if (before.kind !== "done") this.#write(withStatus(row, doneStatus(now)));
      return;
    }
    const error = errorChain(failure);
    this.#updateRetries.add(key, undefined, error);
    if (before.kind !== "error" || before.error !== error) this.#write(withStatus(row, errorStatus(error, now)));
  }

  #write(row: Row): void {
    this.#own.add(row);
    this.#options.table.upsert(row);
  }

  async #deleteBatch(batch: readonly (readonly [Key, Row])[], stopped: AbortSignal): Promise<void> {
    const { table, ops, metrics } = this.#options;
    // A row that is back is not undone: its update is due.
    const rows = batch.filter(([key]) => !table.has(key)).map(([, row]) => row);
    if (rows.length === 0) return;
    const done = metrics?.begin(this.name);
    const failures = await attempt(
      rows,
      (row) => table.keyOf(row),
      () => ops.delete(rows, stopped),
    );
    done?.(failures.size);
    if (failures.size > 0) this.#logFailures("Delete failed", failures, stopped);
    for (const row of rows) {
      const key = table.keyOf(row);
      const failure = failures.get(key);
      // A row that came back meanwhile is announced like any other change.
      if (failure === undefined || table.has(key)) this.#deleteRetries.forget(key);
      else this.#deleteRetries.add(key, row, errorChain(failure));
    }
  }

  async #prune(stopped: AbortSignal): Promise<void> {
    const { table, ops, metrics } = this.#options;
    this.#busy = true;
    const done = metrics?.begin(this.name);
    try {
      await ops.prune([...table.all()], stopped);
      this.#pruneFailure = undefined;
      this.#pruneAttempts = 0;
      done?.(0);
    } catch (error) {
      done?.(1);
      if (stopped.aborted) return;
      this.#pruneFailure = errorChain(error);
      this.#log.warn("Prune failed", { error: toError(error) });
      this.#clock.after(this.#updateRetries.delay(this.#pruneAttempts++), () => {
        this.#fullPassWanted = true;
        this.#wake();
      });
    } finally {
      this.#busy = false;
    }
  }

  #logFailures(message: string, failures: ReadonlyMap<Key, Error>, stopped: AbortSignal): void {
    if (stopped.aborted) return;
    const [first] = failures;
    this.#log.warn(message, { rows: failures.size, row: first?.[0], error: first?.[1] });
  }
}

/** Runs an operation; a rejection becomes a failure of each row. */
async function attempt<Row, Key>(
  rows: readonly Row[],
  keyOf: (row: Row) => Key,
  operation: () => Promise<Failures<Key>>,
): Promise<ReadonlyMap<Key, Error>> {
  try {
    return (await operation()) ?? new Map();
  } catch (error) {
    const failure = toError(error);
    return new Map(rows.map((row) => [keyOf(row), failure]));
  }
}

function* chunks<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
