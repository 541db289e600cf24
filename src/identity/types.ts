// SPDX-License-Identifier: Apache-2.0
// What an identity is, and the contract of whatever allocates them.
import type { Labels, ReadonlyTable } from "../core/index.ts";

/** Where an identity's number comes from. */
export type IdentitySource = "reserved" | "memory" | "kvstore" | "custom-resource" | "local";

/** One identity: a number for a set of security-relevant labels. */
export interface IdentityRow {
  readonly id: number;
  readonly labels: Labels;
  readonly source: IdentitySource;
}

/**
 * Gives numbers to label sets, the same one on all nodes. All implementations pass allocator.conformance.ts.
 *
 * - The same labels have the same id everywhere, also when several allocators ask at once.
 * - Each `allocate` takes a reference, which one `release` gives back.
 * - An id without references anywhere stays known (packets on their way may carry it) until `collectGarbage` has
 *   seen it unused twice in a row; a new `allocate` of its labels before that takes it up again. A number that was
 *   given back goes to other labels only after all other numbers of the range had their turn.
 */
export interface IdentityAllocator extends AsyncDisposable {
  /** All identities known, reserved ones too; watch it for those of other nodes. */
  readonly table: ReadonlyTable<IdentityRow, number>;
  /**
   * Takes a reference on the identity of the labels, which is made if it is new. Reserved label sets get their
   * reserved number, without references. Throws IdentityExhaustedError, or what the backend says. When it
   * returns, the row is in `table`.
   */
  allocate(labels: Labels): Promise<IdentityRow>;
  /**
   * Gives one reference back. True when it was the last of this allocator; false if more are left, or none was
   * held (also for reserved ids). Never throws for unknown ids.
   */
  release(id: number): Promise<boolean>;
  /** References that this allocator holds on the id. */
  references(id: number): number;
  /** Identity of a number, as far as known here. */
  get(id: number): IdentityRow | undefined;
  /** Identity of labels, as far as known here; takes no reference. */
  lookup(labels: Labels): IdentityRow | undefined;
  /** Removes identities that no allocator of the cluster refers to, now and at the call before. Returns their ids. */
  collectGarbage(): Promise<readonly number[]>;
  /** Ends watches and leases; references of this allocator are given back. Idempotent. */
  close(): Promise<void>;
}

/** Range of the ids handed out, both ends included. */
export interface IdentityRange {
  readonly min: number;
  readonly max: number;
}

/** Identities of cluster scope for a cluster without a cluster id. */
export const clusterIdentityRange: IdentityRange = { min: 256, max: 65535 };
