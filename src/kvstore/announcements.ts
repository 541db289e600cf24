// SPDX-License-Identifier: Apache-2.0
// Keys that this session wants to be there, under its lease: written until they are, and again when they vanished.
import { type Clock, createLogger, type Logger, systemClock, toError } from "../core/index.ts";
import type { KvChanges, Kvstore } from "./types.ts";
import { Backoff, pause } from "./wait.ts";

/** Keys written by one operation; etcd takes 128. */
const maxAtOnce = 64;

/** The wanted keys. Calls never fail and never wait; the writing goes on behind them. */
export interface Announcements extends AsyncDisposable {
  /** Wants a key with this value. */
  set(key: string, value: string): void;
  /** Wants a key that the caller has just written itself, under the lease. */
  adopt(key: string, value: string): void;
  /** Wants a key no more; it is removed only as long as it holds what was written here. */
  delete(key: string): void;
  /** Whether the key is wanted. */
  has(key: string): boolean;
  /** To be given what a watch over the keys says: those that others removed are put again. */
  observe(changes: KvChanges): void;
  /** Keys not yet as wanted. */
  readonly pending: number;
  /** Resolves when nothing is pending. */
  settled(signal?: AbortSignal): Promise<void>;
  /** Ends writing; keys stay until their lease ends. */
  stop(): Promise<void>;
}

/** How to make announcements. */
export interface AnnouncementsOptions {
  readonly logger?: Logger;
  readonly clock?: Clock;
}

/** What announcements use of a store. */
export type AnnouncementStore = Pick<Kvstore, "txn" | "onLeaseLost" | "onReconnect">;

/** Makes announcements over a store; they begin at once. */
export function createAnnouncements(kvstore: AnnouncementStore, options: AnnouncementsOptions = {}): Announcements {
  return new LeasedAnnouncements(kvstore, options);
}

class LeasedAnnouncements implements Announcements {
  readonly #kvstore: AnnouncementStore;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #wanted = new Map<string, string>();
  /** What was last written here, by key; a key stays until its removal is done. */
  readonly #written = new Map<string, string>();
  readonly #dirty = new Set<string>();
  readonly #stopping = new AbortController();
  readonly #subscriptions: readonly Disposable[];
  #retryNow = new AbortController();
  #worker: Promise<void> | undefined;
  #working = false;
  #busy: ReadonlySet<string> = new Set();
  #waiters: (() => void)[] = [];

  constructor(kvstore: AnnouncementStore, options: AnnouncementsOptions) {
    this.#kvstore = kvstore;
    this.#log = options.logger ?? createLogger("kvstore");
    this.#clock = options.clock ?? systemClock;
    this.#subscriptions = [
      kvstore.onLeaseLost(() => this.#markAll()),
      kvstore.onReconnect(() => this.#retryNow.abort()),
    ];
  }

  get pending(): number {
    return this.#dirty.size;
  }

  set(key: string, value: string): void {
    if (this.#wanted.get(key) === value) return;
    this.#wanted.set(key, value);
    this.#mark(key);
  }

  adopt(key: string, value: string): void {
    this.#wanted.set(key, value);
    this.#written.set(key, value);
    // A removal that is under way may reach the store after the caller's write.
    if (this.#busy.has(key)) this.#mark(key);
  }

  delete(key: string): void {
    if (!this.#wanted.delete(key)) return;
    if (this.#written.has(key) || this.#dirty.has(key)) this.#mark(key);
  }

  has(key: string): boolean {
    return this.#wanted.has(key);
  }

  observe(changes: KvChanges): void {
    for (const event of changes.events) {
      if (event.kind === "delete" && this.#wanted.has(event.key)) this.#mark(event.key);
    }
    if (!changes.initial) return;
    const present = new Set(changes.events.map((event) => (event.kind === "put" ? event.entry.key : "")));
    for (const key of this.#written.keys()) if (this.#wanted.has(key) && !present.has(key)) this.#mark(key);
  }

  settled(signal?: AbortSignal): Promise<void> {
    if (this.#dirty.size === 0) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push(resolve);
    signal?.addEventListener("abort", () => reject(toError(signal.reason)), { once: true });
    return promise;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
    await this.#worker;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #markAll(): void {
    for (const key of this.#wanted.keys()) this.#mark(key);
  }

  #mark(key: string): void {
    if (this.#stopping.signal.aborted) return;
    this.#dirty.add(key);
    if (this.#working) return;
    this.#working = true;
    this.#worker = this.#work();
  }

  async #work(): Promise<void> {
    const backoff = new Backoff();
    let failing = false;
    while (!this.#stopping.signal.aborted) {
      // Changes made in one go are written once.
      await Promise.resolve();
      const keys = this.#takeDirty();
      const [first] = keys;
      if (first === undefined) {
        this.#working = false;
        for (const resolve of this.#waiters.splice(0)) resolve();
        return;
      }
      this.#busy = new Set(keys);
      try {
        await this.#bringAbout(first, keys);
        this.#busy = new Set();
        backoff.reset();
        failing = false;
      } catch (error) {
        this.#busy = new Set();
        if (this.#stopping.signal.aborted) return;
        for (const key of keys) this.#dirty.add(key);
        if (!failing)
          this.#log.warn("Announcement not written, will try again", { path: first, error: toError(error) });
        failing = true;
        this.#retryNow = new AbortController();
        await pause(this.#clock, backoff.next(), AbortSignal.any([this.#retryNow.signal, this.#stopping.signal]));
      }
    }
  }

  /** What one operation can bring about: the store counts operations, not keys. */
  #takeDirty(): readonly string[] {
    const [first] = this.#dirty;
    if (first === undefined) return [];
    const puts = this.#wanted.has(first) ? [...this.#dirty].filter((key) => this.#wanted.has(key)) : [first];
    const keys = puts.slice(0, maxAtOnce);
    for (const key of keys) this.#dirty.delete(key);
    return keys;
  }

  /** Puts all keys, or removes the only one. */
  async #bringAbout(first: string, keys: readonly string[]): Promise<void> {
    const puts = keys.flatMap((key) => {
      const value = this.#wanted.get(key);
      return value === undefined ? [] : [{ kind: "put", key, value, lease: true } as const];
    });
    if (puts.length > 0) {
      // Before the write: one that failed after it reached the store must be undone by a delete, too.
      for (const { key, value } of puts) this.#written.set(key, value);
      await this.#kvstore.txn([], puts);
      return;
    }
    const written = this.#written.get(first);
    if (written === undefined) return;
    await this.#kvstore.txn([{ key: first, kind: "value", value: written }], [{ kind: "delete", key: first }]);
    if (!this.#wanted.has(first)) this.#written.delete(first);
  }
}
