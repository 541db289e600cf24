// SPDX-License-Identifier: Apache-2.0
// What an allocator over a key-value store needs, and what it gives beside the contract of all.
import type { Logger, Metrics, Table } from "../core/index.ts";
import type { Kvstore, PoisonedKey } from "../kvstore/index.ts";
import type { IdentityAllocator, IdentityRange, IdentityRow } from "./types.ts";

/** What the allocator uses. */
export interface KvstoreIdentityDeps {
  readonly kvstore: Kvstore;
  /** From createIdentityTable; by default one of its own. */
  readonly table?: Table<IdentityRow, number>;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
}

/** Who allocates, and from which numbers. */
export interface KvstoreIdentityConfig {
  /** Address of this node: the last part of its keys, different for each node. */
  readonly nodeIp: string;
  readonly range?: IdentityRange;
  /** How long `allocate` tries to reach the store and to agree with other nodes, ms. Default 30000. */
  readonly timeoutMs?: number;
}

/** An allocator over a store. */
export interface KvstoreIdentityAllocator extends IdentityAllocator {
  /** Resolves when all identities of the store are in the table (its initializer "kvstore"). */
  ready(signal?: AbortSignal): Promise<void>;
  /** Keys of others that cannot be used. */
  skipped(): readonly PoisonedKey[];
  /** Every identity that was written up to this revision of the store is in the table. */
  readonly seen: bigint;
  /** The revision at which an identity was written; undefined when the store has none of that number. */
  revisionOf(id: number): bigint | undefined;
  /** Called when `seen` may have moved, right behind the change of the table. */
  onProgress(listener: () => void): Disposable;
}
