// SPDX-License-Identifier: Apache-2.0
// The session's one lease: granted when first needed, kept alive at a third of its life, replaced when it was lost.
import { type Clock, type Logger, toError } from "../core/index.ts";
import type { BackendConnection } from "./backend-types.ts";
import { KvLeaseNotFoundError, KvstoreError } from "./errors.ts";
import { Backoff, Listeners, pause } from "./wait.ts";

/** Owns the lease of a session. Only `use` hands its number out, so that a lost one is noticed by whoever writes. */
export class SessionLease {
  readonly #connection: BackendConnection;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #ttl: number;
  readonly #lost = new Listeners();
  readonly #closing = new AbortController();
  #lease: Promise<bigint> | undefined;
  #current: bigint | undefined;
  #wakeKeepAlive: () => void = () => {};

  /** `ttl` in seconds. */
  constructor(connection: BackendConnection, clock: Clock, log: Logger, ttl: number) {
    this.#connection = connection;
    this.#clock = clock;
    this.#log = log;
    this.#ttl = ttl;
  }

  /** Leases held: 0 or 1. */
  get count(): number {
    return this.#current === undefined ? 0 : 1;
  }

  /** Runs a write with the lease; once more with a new one when the store no longer knows it. */
  async use<T>(write: (lease: bigint) => Promise<T>): Promise<T> {
    const lease = await this.#get();
    try {
      return await write(lease);
    } catch (error) {
      if (!(error instanceof KvLeaseNotFoundError)) throw error;
      this.#forget(lease);
    }
    return await write(await this.#get());
  }

  onLost(listener: () => void): Disposable {
    return this.#lost.add(listener);
  }

  /** Asks now whether the lease still exists, instead of at the next keep-alive. */
  check(): void {
    this.#wakeKeepAlive();
  }

  async close(revoke: boolean): Promise<void> {
    this.#closing.abort();
    const lease = this.#current;
    this.#current = undefined;
    if (revoke && lease !== undefined) await this.#connection.leaseRevoke(lease);
  }

  #get(): Promise<bigint> {
    if (this.#closing.signal.aborted) return Promise.reject(KvstoreError.closed("put under a lease"));
    this.#lease ??= this.#grant().catch((error: unknown) => {
      this.#lease = undefined;
      throw error;
    });
    return this.#lease;
  }

  async #grant(): Promise<bigint> {
    const lease = await this.#connection.leaseGrant(this.#ttl);
    this.#current = lease;
    void this.#keepAlive(lease);
    return lease;
  }

  async #keepAlive(lease: bigint): Promise<void> {
    const interval = (this.#ttl * 1000) / 3;
    const backoff = new Backoff(Math.min(200, interval), Math.min(5_000, interval));
    let delay = interval;
    while (this.#isCurrent(lease)) {
      await this.#pauseOrWoken(delay);
      if (!this.#isCurrent(lease)) return;
      try {
        if (!(await this.#connection.leaseKeepAlive(lease))) return this.#forget(lease);
        backoff.reset();
        delay = interval;
      } catch (error) {
        this.#log.debug("Lease not renewed, will try again", { error: toError(error) });
        delay = backoff.next();
      }
    }
  }

  #isCurrent(lease: bigint): boolean {
    return this.#current === lease && !this.#closing.signal.aborted;
  }

  async #pauseOrWoken(ms: number): Promise<void> {
    const woken = new AbortController();
    this.#wakeKeepAlive = () => woken.abort();
    await pause(this.#clock, ms, AbortSignal.any([woken.signal, this.#closing.signal]));
  }

  #forget(lease: bigint): void {
    if (this.#current !== lease) return;
    this.#current = undefined;
    this.#lease = undefined;
    if (this.#closing.signal.aborted) return;
    this.#log.warn("Lease lost, announcing again under a new one", { lease: lease.toString(16) });
    this.#lost.call((error) => this.#log.error("Listener failed", { error: toError(error) }));
  }
}
