// SPDX-License-Identifier: Apache-2.0
// The Kvstore over a backend's connection: the session's lease, watches that end with it, and convenience.
import { type Clock, type Logger, toError } from "../core/index.ts";
import type { BackendConnection, BackendWrite } from "./backend-types.ts";
import { KvstoreError } from "./errors.ts";
import { SessionLease } from "./lease.ts";
import { listAndWatch } from "./list-watch.ts";
import type {
  CloseOptions,
  KvBatch,
  KvChanges,
  KvCompare,
  KvEntry,
  KvList,
  Kvstore,
  KvstoreStatus,
  KvWatchOptions,
  KvWrite,
  PutOptions,
} from "./types.ts";

/** How to make a session. `leaseTtl` in seconds. */
export interface SessionOptions {
  readonly connection: BackendConnection;
  readonly clock: Clock;
  readonly log: Logger;
  readonly leaseTtl: number;
}

/** A session; owns the connection. */
export class KvstoreSession implements Kvstore {
  readonly backend: string;
  readonly #options: SessionOptions;
  readonly #connection: BackendConnection;
  readonly #lease: SessionLease;
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#connection = options.connection;
    this.backend = options.connection.name;
    this.#lease = new SessionLease(options.connection, options.clock, options.log, options.leaseTtl);
    options.connection.onReconnect(() => this.#lease.check());
  }

  async connected(signal?: AbortSignal): Promise<void> {
    this.#assertOpen("connect");
    await this.#connection.connected(this.#scope(signal));
  }

  async get(key: string): Promise<KvEntry | undefined> {
    this.#assertOpen(`get "${key}"`);
    return await this.#connection.get(key);
  }

  async list(prefix: string): Promise<KvList> {
    this.#assertOpen(`list "${prefix}"`);
    return await this.#connection.list(prefix);
  }

  async put(key: string, value: string, options: PutOptions = {}): Promise<bigint> {
    return (await this.#write([], [{ kind: "put", key, value, ...options }])).revision;
  }

  async delete(key: string): Promise<boolean> {
    return (await this.#write([], [{ kind: "delete", key }])).deleted > 0;
  }

  async deletePrefix(prefix: string): Promise<number> {
    this.#assertOpen(`delete "${prefix}"`);
    return await this.#connection.deletePrefix(prefix);
  }

  async createOnly(key: string, value: string, options: PutOptions = {}): Promise<boolean> {
    return (await this.#write([{ key, kind: "absent" }], [{ kind: "put", key, value, ...options }])).succeeded;
  }

  async compareAndSwap(expected: KvEntry, value: string, options: PutOptions = {}): Promise<boolean> {
    const { key, modRevision: revision } = expected;
    const compare = { key, kind: "modRevision", revision } as const;
    return (await this.#write([compare], [{ kind: "put", key, value, ...options }])).succeeded;
  }

  async txn(compares: readonly KvCompare[], writes: readonly KvWrite[]): Promise<bigint | undefined> {
    const { succeeded, revision } = await this.#write(compares, writes);
    return succeeded ? revision : undefined;
  }

  watch(prefix: string, options: KvWatchOptions = {}): AsyncIterableIterator<KvBatch> {
    this.#assertOpen(`watch "${prefix}"`);
    const { fromRevision } = options;
    return this.#connection.watch(prefix, { fromRevision, signal: this.#scope(options.signal) });
  }

  listAndWatch(prefix: string, options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<KvChanges> {
    this.#assertOpen(`watch "${prefix}"`);
    const { clock, log } = this.#options;
    return listAndWatch({ connection: this.#connection, clock, log, signal: this.#scope(options.signal) }, prefix);
  }

  onLeaseLost(listener: () => void): Disposable {
    return this.#lease.onLost(listener);
  }

  onReconnect(listener: () => void): Disposable {
    return this.#connection.onReconnect(listener);
  }

  status(): KvstoreStatus {
    return this.#connection.status(this.#lease.count);
  }

  close(options: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(options.revoke ?? false);
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(revoke: boolean): Promise<void> {
    this.#closing.abort();
    try {
      await this.#lease.close(revoke);
    } catch (error) {
      // The lease ends by itself; not being able to say so must not keep a program from stopping.
      this.#options.log.warn("Lease not revoked", { error: toError(error) });
    }
    await this.#connection.close();
  }

  async #write(compares: readonly KvCompare[], writes: readonly KvWrite[]) {
    this.#assertOpen(`write "${writes[0]?.key ?? ""}"`);
    const withLease = (lease: bigint): BackendWrite[] =>
      writes.map((write) => (write.kind === "put" ? { ...write, lease: write.lease === true ? lease : 0n } : write));
    const leased = writes.some((write) => write.kind === "put" && write.lease === true);
    if (!leased) return await this.#connection.txn(compares, withLease(0n));
    return await this.#lease.use((lease) => this.#connection.txn(compares, withLease(lease)));
  }

  #scope(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
  }

  #assertOpen(what: string): void {
    if (this.#closing.signal.aborted) throw KvstoreError.closed(what);
  }
}
