// SPDX-License-Identifier: Apache-2.0
// What policies can tell nodes apart by: labels of their addresses, where that is switched on.
import { type Cidr, CLUSTER_KEY, hostCidr, type Label, Labels, makeLabel, parseCidr } from "../core/index.ts";
import type { NodeRow } from "../node/index.ts";

export interface NodeLabelsOptions {
  /** Nodes can be selected by their labels (`enable-node-selector-labels`). */
  readonly byLabel: boolean;
  /** Nodes can be selected by their addresses (`policy-cidr-match-mode` has `nodes`). */
  readonly byAddress: boolean;
  /** Addresses that serve the kube-apiserver. */
  readonly apiServers: () => ReadonlySet<string>;
  /** The families that are on. */
  readonly families: readonly (4 | 6)[];
  /** The label by which policy knows a prefix. */
  readonly label: (cidr: Cidr) => Label;
}

/** Labels of addresses of other nodes, by their prefix, but for those that say no more than that they are a node's. */
export function remoteNodeLabels(nodes: Iterable<NodeRow>, options: NodeLabelsOptions): ReadonlyMap<string, Labels> {
  const found = new Map<string, Labels>();
  const servers = options.apiServers();
  for (const node of nodes) {
    if (node.source === "local") continue;
    // A node that serves the kube-apiserver does so with all its addresses.
    const serves = node.addresses.some(({ ip }) => servers.has(ip));
    const shared = [
      ...(options.byLabel ? ownLabels(node) : []),
      ...(serves ? [makeLabel("reserved", "kube-apiserver")] : []),
    ];
    for (const cidr of addressesOf(node, options)) {
      const own = [...shared, ...(options.byAddress ? [options.label(cidr)] : [])];
      if (own.length > 0) found.set(hostCidr(cidr.ip), Labels.of([makeLabel("reserved", "remote-node"), ...own]));
    }
  }
  return found;
}

/** Labels of this node, as a peer. */
export function hostPeerLabels(node: NodeRow, options: NodeLabelsOptions): Labels {
  const addresses = options.byAddress ? addressesOf(node, options).map(options.label) : [];
  return Labels.of([makeLabel("reserved", "host"), ...addresses]);
}

function ownLabels(node: NodeRow): readonly Label[] {
  const own = Object.entries(node.labels).map(([key, value]) => makeLabel("node", key, value));
  return [...own, makeLabel("k8s", CLUSTER_KEY, node.cluster)];
}

function addressesOf({ addresses }: NodeRow, { families }: NodeLabelsOptions): readonly Cidr[] {
  return addresses.map(({ ip }) => parseCidr(hostCidr(ip))).filter(({ family }) => families.includes(family));
}
