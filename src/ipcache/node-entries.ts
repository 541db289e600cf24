// SPDX-License-Identifier: Apache-2.0
// What follows from a node for addresses: its own ones, and its pods' prefixes before any pod is known.
import { hostCidr } from "../core/index.ts";
import { Identity } from "../identity/index.ts";
import { type NodeRow, tunnelAddress } from "../node/index.ts";
import type { IpcacheEntry, IpcacheSource } from "./types.ts";

/** What holds for all nodes. */
export interface NodeEntriesOptions {
  /** Pods of other nodes are reached through a tunnel. */
  readonly tunnel: boolean;
  /** Family of the underlay that tunnels use. */
  readonly underlayFamily: 4 | 6;
  /** Both families are on: each has a world of its own. */
  readonly dualStack: boolean;
  /** Identities that this node has given to addresses of others; all others are just remote nodes. */
  readonly identities: ReadonlyMap<string, number>;
}

/** Identity of addresses outside of the cluster. */
export function worldIdentity(prefix: string, dualStack: boolean): number {
  if (!dualStack) return Identity.world;
  return prefix.includes(":") ? Identity.worldIpv6 : Identity.worldIpv4;
}

/** What holds before anything is known: everything is the world. */
export function defaultEntries(families: readonly (4 | 6)[]): IpcacheEntry[] {
  const prefixes = families.map((family) => (family === 4 ? "0.0.0.0/0" : "::/0"));
  return prefixes.map((prefix) => plainEntry(prefix, worldIdentity(prefix, families.length > 1), "generated"));
}

/** The local node's own addresses: the host. */
export function localNodeEntries(node: NodeRow): IpcacheEntry[] {
  return node.addresses.map(({ ip }) => plainEntry(hostCidr(ip), Identity.host, "local"));
}

/**
 * Another node's addresses, and its pod prefixes, which already lead through the tunnel: a pod whose identity is not
 * known yet is reached, as something outside of the cluster.
 */
export function remoteNodeEntries(node: NodeRow, options: NodeEntriesOptions): IpcacheEntry[] {
  const { source, encryptionKey: encryptKey } = node;
  const hostIp = tunnelAddress(node, options.underlayFamily) ?? node.addresses[0]?.ip;
  const base = { encryptKey, ...(hostIp === undefined ? {} : { hostIp }) };
  const endpoint = options.tunnel ? tunnelAddress(node, options.underlayFamily) : undefined;
  const behind = { ...base, ...(endpoint === undefined ? {} : { tunnelEndpoint: endpoint }) };
  const entries: IpcacheEntry[] = [];
  for (const prefix of [node.ipv4PodCidr, node.ipv6PodCidr]) {
    if (prefix === undefined) continue;
    entries.push({ ...plainEntry(prefix, worldIdentity(prefix, options.dualStack), source), ...behind });
  }
  for (const { type, ip } of node.addresses) {
    const prefix = hostCidr(ip);
    const entry = plainEntry(prefix, options.identities.get(prefix) ?? Identity.remoteNode, source);
    // Nodes reach each other directly on the underlay; only the router address lives behind the tunnel.
    entries.push({ ...entry, ...(type === "CiliumInternalIP" ? behind : { ...base, encryptKey: 0 }) });
  }
  return entries;
}

function plainEntry(prefix: string, identity: number, source: IpcacheSource): IpcacheEntry {
  return { prefix, identity, encryptKey: 0, skipTunnel: false, remoteCluster: false, source };
}
