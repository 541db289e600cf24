// SPDX-License-Identifier: Apache-2.0
// The only import door of src/ipcache.

export {
  AddressIdentities,
  type AddressIdentityConfig,
  type AddressIdentityDeps,
  type AddressIdentityState,
} from "./address-identities.ts";
export type { IpcacheMapRow } from "./kernel-view.ts";
export { createIpcache, type Ipcache, type IpcacheConfig, type IpcacheDeps } from "./module.ts";
export { worldIdentity } from "./node-entries.ts";
export { hostPeerLabels, type NodeLabelsOptions, remoteNodeLabels } from "./node-labels.ts";
export { createNodeMap, type NodeAddressRow, type NodeMap, type NodeMapDeps, type NodeMapRow } from "./node-map.ts";
export { PrefixLabels, prefixEntry } from "./policy-prefixes.ts";
export {
  createIpcacheReconciler,
  type IpcacheReconcilerConfig,
  type IpcacheReconcilerDeps,
  type KernelMap,
} from "./reconciler.ts";
export { createIpcacheTable } from "./table.ts";
export {
  type IpcacheEntry,
  type IpcacheMetadata,
  type IpcacheRow,
  type IpcacheSource,
  ipcacheSources,
  type LocalEndpoint,
  type PodPort,
} from "./types.ts";
