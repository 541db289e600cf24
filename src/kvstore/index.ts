// SPDX-License-Identifier: Apache-2.0
// The only import door of src/kvstore.

export { type Announcements, createAnnouncements } from "./announcements.ts";
export type { BackendConnection, BackendDeps, KvstoreBackend } from "./backend-types.ts";
export { etcdEndpoints } from "./backends/etcd/index.ts";
export { KvCompactedError, KvLeaseNotFoundError, KvstoreError } from "./errors.ts";
export { HeldDeletes, type HeldDeletesOptions } from "./held-deletes.ts";
export { createKvstore, type KvstoreConfig, type KvstoreDeps, type KvstoreModule, openKvstore } from "./module.ts";
export { createPoisonReport, type PoisonedKey, type PoisonReport } from "./poison.ts";
export { kvstoreBackends } from "./registry.ts";
export type {
  CloseOptions,
  KvBatch,
  KvChanges,
  KvCompare,
  KvEntry,
  KvEvent,
  KvList,
  Kvstore,
  KvstoreStatus,
  KvWatchOptions,
  KvWrite,
  PutOptions,
} from "./types.ts";
