// SPDX-License-Identifier: Apache-2.0
// Which identity an address or prefix has, where it lives, and who says so.
import type { Status } from "../core/index.ts";

/** Who may say something about a prefix, best first: a lower one never overwrites a higher one. */
export const ipcacheSources = [
  "kube-apiserver",
  "local",
  "kvstore",
  "clustermesh",
  "custom-resource",
  "kubernetes",
  "generated",
  "restored",
] as const;

/** A source by its name, as `ip list` shows it. */
export type IpcacheSource = (typeof ipcacheSources)[number];

/** The workload behind an address. */
export interface IpcacheMetadata {
  readonly namespace: string;
  readonly name: string;
}

/** A named port of a pod. */
export interface PodPort {
  /** Lower case. */
  readonly name: string;
  /** IP protocol number. */
  readonly protocol: number;
  readonly port: number;
}

/** What one source says about one prefix. */
export interface IpcacheEntry {
  /** Canonical; a whole address is /32 or /128. */
  readonly prefix: string;
  readonly identity: number;
  /** Underlay address of the node to tunnel to; undefined: not through a tunnel. */
  readonly tunnelEndpoint?: string;
  /** Address of the node that it lives on, if known; for display. */
  readonly hostIp?: string;
  readonly encryptKey: number;
  readonly skipTunnel: boolean;
  readonly remoteCluster: boolean;
  readonly source: IpcacheSource;
  readonly metadata?: IpcacheMetadata;
  /** Of the pod that has the address; absent when it has none. */
  readonly namedPorts?: readonly PodPort[];
}

/** The best entry of a prefix, and whether the kernel has it. */
export interface IpcacheRow extends IpcacheEntry {
  readonly status: Status;
}

/** A local endpoint as it is announced. Addresses are canonical, without length. */
export interface LocalEndpoint {
  readonly id: number;
  readonly identity: number;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly namedPorts?: readonly PodPort[];
}
