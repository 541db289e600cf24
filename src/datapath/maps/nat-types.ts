// SPDX-License-Identifier: Apache-2.0
// Rows and operations of the maps of masquerading. Addresses are canonical strings, ports are in host order.
import type { RowMap, SweepResult } from "./types.ts";

/** cilium_snat_v4_external and cilium_snat_v6_external: one direction of a translated flow. */
export interface NatRow {
  readonly family: 4 | 6;
  /** `out`: packets as they leave their sender; `in`: answers as they come in. */
  readonly direction: "out" | "in";
  readonly protocol: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  /** What the source (`out`) or the destination (`in`) becomes. */
  readonly address: string;
  readonly port: number;
  /** Seconds of CLOCK_MONOTONIC, both. */
  readonly created: number;
  readonly expires: number;
  /** The node's own flow. */
  readonly host: boolean;
}

/** Whose flows stay: pods of this node, and addresses that its devices give to what leaves. */
export interface NatOwners {
  readonly pods: ReadonlySet<string>;
  readonly addresses: ReadonlySet<string>;
}

/** Written by the programs alone. */
export interface NatMap {
  /** Snapshot of both maps, or of one family: both directions of each flow, also where conntrack says one of them. */
  list(family?: 4 | 6): NatRow[];
  /** Deletes everything; tells how many entries each map had. */
  flush(): readonly { readonly map: string; readonly deleted: number }[];
  /** Deletes what has expired, and flows of pods and addresses that are gone, batch by batch. */
  sweep(owners: NatOwners, signal?: AbortSignal): Promise<SweepResult>;
}

/** cilium_snat_v4_alloc_retries and cilium_snat_v6_alloc_retries. */
export interface NatRetriesMap {
  /**
   * Flows by how many ports were taken before they found one, summed over the CPUs; the last number is of those that
   * found none.
   */
  list(family: 4 | 6): readonly number[];
  /** Begins counting anew; tells how many slots each map has. */
  flush(): readonly { readonly map: string; readonly deleted: number }[];
}

/** cilium_ipmasq_v4 and cilium_ipmasq_v6: destinations that see pods' own addresses. Sorted. */
export interface IpmasqMap {
  list(): readonly string[];
  /** Makes the maps hold exactly these prefixes; what stays is excluded all the time. True when something changed. */
  replace(prefixes: readonly string[]): boolean;
}

/** cilium_masquerade: what leaves by a device gets its addresses. */
export interface MasqueradeDeviceRow {
  readonly ifindex: number;
  readonly ipv4?: string;
  readonly ipv6?: string;
}

export type MasqueradeDevicesMap = RowMap<MasqueradeDeviceRow, Pick<MasqueradeDeviceRow, "ifindex">>;
