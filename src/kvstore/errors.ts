// SPDX-License-Identifier: Apache-2.0
// Errors of the key-value store that callers tell apart.
import { CiliumError } from "../core/index.ts";

/** An operation on the store failed. `code` UNAVAILABLE: not reached in time, try again; REFUSED: it said no. */
export class KvstoreError extends CiliumError {
  static unavailable(what: string, cause?: unknown): KvstoreError {
    const reason = cause instanceof Error ? cause.message : "not reachable";
    return new KvstoreError(`Cannot ${what}: ${reason}`, { code: "UNAVAILABLE", cause });
  }

  static closed(what: string): KvstoreError {
    return new KvstoreError(`Cannot ${what}: the key-value store is closed`, { code: "CLOSED" });
  }
}

/** The history that a watch asked for is gone; list again. */
export class KvCompactedError extends CiliumError {
  constructor(prefix: string, revision: bigint) {
    super(`Cannot watch "${prefix}" from revision ${revision}: compacted (list again)`, { code: "COMPACTED" });
  }
}

/** A lease that does not exist (any more). */
export class KvLeaseNotFoundError extends CiliumError {
  constructor(lease: bigint) {
    super(`Cannot use lease ${lease.toString(16)}: it has ended`, { code: "LEASE_NOT_FOUND" });
  }
}
