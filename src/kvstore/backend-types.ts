// SPDX-License-Identifier: Apache-2.0
// What a backend gives to the session: the few primitive operations, with leases by number.
import type { Clock, Logger, Metrics } from "../core/index.ts";
import type { KvBatch, KvCompare, KvEntry, KvList, KvstoreStatus } from "./types.ts";

/** A write with the lease by its number; 0n: none. */
export type BackendWrite =
  | { readonly kind: "put"; readonly key: string; readonly value: string; readonly lease: bigint }
  | { readonly kind: "delete"; readonly key: string };

/** What came of a transaction. */
export interface BackendTxnResult {
  readonly succeeded: boolean;
  readonly revision: bigint;
  /** Keys that the writes removed. */
  readonly deleted: number;
}

/** How to watch at a backend. */
export interface BackendWatchOptions {
  readonly fromRevision: bigint | undefined;
  readonly signal: AbortSignal;
}

/** A connection of one backend. Errors: KvstoreError, KvCompactedError (watch), KvLeaseNotFoundError. */
export interface BackendConnection {
  readonly name: string;
  get(key: string): Promise<KvEntry | undefined>;
  list(prefix: string): Promise<KvList>;
  txn(compares: readonly KvCompare[], writes: readonly BackendWrite[]): Promise<BackendTxnResult>;
  deletePrefix(prefix: string): Promise<number>;
  watch(prefix: string, options: BackendWatchOptions): AsyncIterableIterator<KvBatch>;
  /** `ttl` in seconds. */
  leaseGrant(ttl: number): Promise<bigint>;
  /** Whether the lease still exists. */
  leaseKeepAlive(lease: bigint): Promise<boolean>;
  leaseRevoke(lease: bigint): Promise<void>;
  /** Resolves when the store answered once. */
  connected(signal: AbortSignal): Promise<void>;
  /** Called when the store answers again after it did not. */
  onReconnect(listener: () => void): Disposable;
  status(leases: number): KvstoreStatus;
  close(): Promise<void>;
}

/** What every backend may use. */
export interface BackendDeps {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly metrics?: Metrics;
}

/** A kind of store, as it stands in the registry. */
export interface KvstoreBackend {
  readonly name: string;
  /** Names and meanings of the `kvstore-opt` keys; others are refused by name. */
  readonly options: Readonly<Record<string, string>>;
  /** Checks the options (throws ConfigError) and makes a connection; no I/O but reading option files. */
  create(options: Readonly<Record<string, string>>, deps: BackendDeps): BackendConnection;
}
