// SPDX-License-Identifier: Apache-2.0
// What stands for the prefixes that policies speak of: labels for an identity of this node's own, and an ipcache entry.
import { type Cidr, cidrContains, hostCidr, type Label, Labels, makeLabel, parseCidr } from "../core/index.ts";
import { reservedNames } from "../identity/index.ts";
import { worldIdentity } from "./node-entries.ts";
import type { IpcacheEntry } from "./types.ts";

export interface PrefixLabelsOptions {
  /** The families that are on. */
  readonly families: readonly (4 | 6)[];
  /** Prefixes of pods, of this node and of others: what lies inside is no address outside of the cluster. */
  readonly podPrefixes: readonly string[];
  /** Addresses that serve the kube-apiserver and are no node's. */
  readonly apiServers?: Iterable<string>;
  /** The label by which policy knows a prefix. */
  readonly label: (cidr: Cidr) => Label;
}

/** Labels of the prefixes that addresses outside of the cluster may have, by their text. */
export function prefixLabels(
  prefixes: ReadonlyMap<string, Cidr>,
  { families, podPrefixes, label, apiServers = [] }: PrefixLabelsOptions,
): ReadonlyMap<string, Labels> {
  const pods = podPrefixes.map((prefix) => parseCidr(prefix));
  const found = new Map<string, Labels>();
  const add = (prefix: string, cidr: Cidr, more: readonly Label[]) => {
    if (!families.includes(cidr.family) || pods.some((pod) => cidrContains(pod, cidr))) return;
    const world = reservedNames.get(worldIdentity(prefix, families.length > 1)) ?? "world";
    found.set(prefix, Labels.of([label(cidr), makeLabel("reserved", world), ...more]));
  };
  for (const [prefix, cidr] of prefixes) add(prefix, cidr, []);
  for (const ip of apiServers) add(hostCidr(ip), parseCidr(hostCidr(ip)), [makeLabel("reserved", "kube-apiserver")]);
  return found;
}

/** The entry of such a prefix, at the lowest rank: what is known about pods and nodes counts more. */
export function prefixEntry(prefix: string, identity: number): IpcacheEntry {
  return { prefix, identity, encryptKey: 0, skipTunnel: false, remoteCluster: false, source: "generated" };
}
