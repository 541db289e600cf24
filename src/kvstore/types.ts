// SPDX-License-Identifier: Apache-2.0
// What a key-value store gives to the domains: entries, batches of events, leases, and its own state.

/** One key with its value. Revisions count writes of the whole store; a wiped store counts anew. */
export interface KvEntry {
  readonly key: string;
  readonly value: string;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  /** 0n: not under a lease. */
  readonly lease: bigint;
}

/** One change of a key. */
export type KvEvent =
  | { readonly kind: "put"; readonly entry: KvEntry }
  /** `revision` is the store's when the key was deleted, or when it was found to be gone. */
  | { readonly kind: "delete"; readonly key: string; readonly revision: bigint };

/** Everything under a prefix at one revision. */
export interface KvList {
  readonly items: readonly KvEntry[];
  readonly revision: bigint;
}

/** Events of one delivery in their order; a key may appear more than once. */
export interface KvBatch {
  readonly events: readonly KvEvent[];
  readonly revision: bigint;
}

/**
 * One delivery of `listAndWatch`. The first one is `initial`: puts of all that is there (perhaps nothing). Later ones
 * are changes; after a lost connection or a compaction (`resync`) puts of what differs and deletes of what vanished (perhaps nothing).
 */
export interface KvChanges extends KvBatch {
  readonly initial: boolean;
  readonly resync: boolean;
}

/** A condition of a transaction. */
export type KvCompare =
  /** No key at all begins with `key`. */
  | { readonly key: string; readonly kind: "absentPrefix" }
  /** No key that begins with `key` was written after that revision. */
  | { readonly key: string; readonly kind: "unmodifiedPrefix"; readonly since: bigint }
  | { readonly key: string; readonly kind: "absent" }
  | { readonly key: string; readonly kind: "present" }
  | { readonly key: string; readonly kind: "modRevision"; readonly revision: bigint }
  | { readonly key: string; readonly kind: "value"; readonly value: string };

/** A write of a transaction. `lease` puts the key under the session's lease. */
export type KvWrite =
  | { readonly kind: "put"; readonly key: string; readonly value: string; readonly lease?: boolean }
  | { readonly kind: "delete"; readonly key: string };

/** How to put. */
export interface PutOptions {
  /** Under this session's lease: the key vanishes when the session does. Default false. */
  readonly lease?: boolean;
}

/** How to watch. */
export interface KvWatchOptions {
  /** First revision to deliver; default: what comes after the call. Throws KvCompactedError when it is gone. */
  readonly fromRevision?: bigint;
  readonly signal?: AbortSignal;
}

/** State of the store as `status` shows it; `state` words are those of the REST API. */
export interface KvstoreStatus {
  readonly state: "Ok" | "Warning" | "Failure" | "Disabled";
  /** Such as `etcd: 1/1 connected, …`. */
  readonly message: string;
  readonly connected: boolean;
}

/** How to close. */
export interface CloseOptions {
  /**
   * Also ends the lease, so that everything announced vanishes now. Default false: a restarted program puts its
   * keys again before the lease ends, and nobody notices.
   */
  readonly revoke?: boolean;
}

/**
 * A connection to a key-value store with one session, whose lease is kept alive at a third of its time to live.
 * All calls reject with KvstoreError when the store cannot be reached within the operation's time limit; watches
 * of `listAndWatch` connect again for ever. Implementations pass kvstore.conformance.ts.
 */
export interface Kvstore extends AsyncDisposable {
  /** `memory` or `etcd`. */
  readonly backend: string;
  /** Begins to connect and waits until the store answers; rejects when `signal` aborts first. */
  connected(signal?: AbortSignal): Promise<void>;
  get(key: string): Promise<KvEntry | undefined>;
  /** All keys that begin with `prefix`, at one revision, sorted by key. */
  list(prefix: string): Promise<KvList>;
  /** Returns the store's revision after the write. */
  put(key: string, value: string, options?: PutOptions): Promise<bigint>;
  /** Whether the key was there. */
  delete(key: string): Promise<boolean>;
  /** Returns how many keys there were. */
  deletePrefix(prefix: string): Promise<number>;
  /** Puts the key unless it is there; whether it did. */
  createOnly(key: string, value: string, options?: PutOptions): Promise<boolean>;
  /** Replaces exactly that version of an entry; whether it did. */
  compareAndSwap(expected: KvEntry, value: string, options?: PutOptions): Promise<boolean>;
  /** Does all writes at once if all conditions hold: then the revision after them, else undefined. */
  txn(compares: readonly KvCompare[], writes: readonly KvWrite[]): Promise<bigint | undefined>;
  /** Events under a prefix until the signal aborts (then it ends quietly) or the stream breaks (then it throws). */
  watch(prefix: string, options?: KvWatchOptions): AsyncIterableIterator<KvBatch>;
  /** Everything under a prefix, then changes, over reconnects and compactions. Ends only with the signal or close. */
  listAndWatch(prefix: string, options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<KvChanges>;
  /** Called after the session's lease was lost and keys put under it may have vanished. */
  onLeaseLost(listener: () => void): Disposable;
  /** Called when the store answers again after it did not. */
  onReconnect(listener: () => void): Disposable;
  status(): KvstoreStatus;
  /** Ends watches and the keep-alive. Idempotent. */
  close(options?: CloseOptions): Promise<void>;
}
