// SPDX-License-Identifier: Apache-2.0
// A connection to a store in this process; can be cut, for tests of what happens without a store.
import type { BackendConnection, BackendTxnResult, BackendWatchOptions, BackendWrite } from "../../backend-types.ts";
import { KvstoreError } from "../../errors.ts";
import type { KvBatch, KvCompare, KvEntry, KvList, KvstoreStatus } from "../../types.ts";
import { Listeners } from "../../wait.ts";
import type { MemoryStore } from "./store.ts";

/** The memory backend's connection. */
export class MemoryConnection implements BackendConnection {
  readonly name = "memory";
  readonly #store: MemoryStore;
  readonly #reconnected = new Listeners();
  #cut: AbortController | undefined;
  #link = new AbortController();

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  /** Makes every operation fail and breaks watches, until `restore`. */
  cut(): void {
    this.#cut ??= new AbortController();
    this.#link.abort();
  }

  restore(): void {
    const cut = this.#cut;
    if (cut === undefined) return;
    this.#cut = undefined;
    this.#link = new AbortController();
    cut.abort();
    this.#reconnected.call((error) => {
      throw error;
    });
  }

  async connected(signal: AbortSignal): Promise<void> {
    const restored = this.#cut?.signal;
    if (restored === undefined) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    restored.addEventListener("abort", () => resolve(), { once: true });
    signal.addEventListener("abort", () => reject(KvstoreError.unavailable("connect")), { once: true });
    await promise;
  }

  async get(key: string): Promise<KvEntry | undefined> {
    return this.#reach(`get "${key}"`).get(key);
  }

  async list(prefix: string): Promise<KvList> {
    return this.#reach(`list "${prefix}"`).list(prefix);
  }

  async txn(compares: readonly KvCompare[], writes: readonly BackendWrite[]): Promise<BackendTxnResult> {
    return this.#reach(`write "${writes[0]?.key ?? ""}"`).txn(compares, writes);
  }

  async deletePrefix(prefix: string): Promise<number> {
    return this.#reach(`delete "${prefix}"`).deletePrefix(prefix);
  }

  watch(prefix: string, { fromRevision, signal }: BackendWatchOptions): AsyncIterableIterator<KvBatch> {
    return this.#watch(prefix, fromRevision ?? this.#store.revision + 1n, signal);
  }

  async leaseGrant(ttl: number): Promise<bigint> {
    return this.#reach("grant lease").leaseGrant(ttl);
  }

  async leaseKeepAlive(lease: bigint): Promise<boolean> {
    return this.#reach("renew lease").leaseKeepAlive(lease);
  }

  async leaseRevoke(lease: bigint): Promise<void> {
    this.#reach("revoke lease").leaseRevoke(lease);
  }

  onReconnect(listener: () => void): Disposable {
    return this.#reconnected.add(listener);
  }

  status(leases: number): KvstoreStatus {
    const connected = this.#cut === undefined;
    const message = `memory: ${connected ? 1 : 0}/1 connected, leases=${leases}`;
    return { state: connected ? "Ok" : "Failure", message, connected };
  }

  async close(): Promise<void> {
    this.#link.abort();
  }

  async *#watch(prefix: string, fromRevision: bigint, signal: AbortSignal): AsyncGenerator<KvBatch, void> {
    this.#reach(`watch "${prefix}"`);
    const link = this.#link.signal;
    let from = fromRevision;
    let wake: () => void = () => {};
    let changed = true;
    const notify = () => {
      changed = true;
      wake();
    };
    using _changes = this.#store.onChange(notify);
    for (const ended of [link, signal]) ended.addEventListener("abort", notify, { once: true });
    while (!signal.aborted) {
      if (link.aborted) throw KvstoreError.unavailable(`watch "${prefix}"`);
      if (!changed) await new Promise<void>((resolve) => (wake = resolve));
      if (!changed) continue;
      changed = false;
      if (signal.aborted || link.aborted) continue;
      const events = this.#store.eventsFrom(prefix, from).map(({ event }) => event);
      from = this.#store.revision + 1n;
      if (events.length > 0) yield { events, revision: from - 1n };
    }
  }

  #reach(what: string): MemoryStore {
    if (this.#cut !== undefined) throw KvstoreError.unavailable(what);
    return this.#store;
  }
}
