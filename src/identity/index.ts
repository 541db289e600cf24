// SPDX-License-Identifier: Apache-2.0
// The only import door of src/identity.

export { type IdentityArrivalDeps, IdentityArrivals } from "./arrivals.ts";
export { IdentityExhaustedError } from "./errors.ts";
export { createKvstoreIdentityAllocator } from "./kvstore-allocator.ts";
export type { KvstoreIdentityAllocator, KvstoreIdentityConfig, KvstoreIdentityDeps } from "./kvstore-types.ts";
export {
  LocalIdentities,
  type LocalIdentitySnapshot,
  localIdentityRange,
  remoteNodeIdentityRange,
} from "./local-identities.ts";
export {
  createMemoryIdentityAllocator,
  MemoryIdentityBackend,
  type MemoryIdentityOptions,
} from "./memory-allocator.ts";
export { Identity, type IdentityScope, identityScope, isReservedIdentity, reservedNames } from "./numeric.ts";
export { IdPool } from "./pool.ts";
export { reservedIdentityOf, reservedIdentityRows, reservedLabels } from "./reserved.ts";
export { type KnownIdentity, restoreIdentities } from "./restore.ts";
export { createIdentityTable } from "./table.ts";
export {
  clusterIdentityRange,
  type IdentityAllocator,
  type IdentityRange,
  type IdentityRow,
  type IdentitySource,
} from "./types.ts";
