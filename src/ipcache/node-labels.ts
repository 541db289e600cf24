// SPDX-License-Identifier: Apache-2.0
// What policies can tell nodes apart by: labels of their addresses, where that is switched on.
import { type Cidr, CLUSTER_KEY, hostCidr, type Label, Labels, makeLabel, parseCidr } from "../core/index.ts";
import type { NodeRow } from "../node/index.ts";

export interface NodeLabelsOptions {
  /** Nodes can be selected by their labels (`enable-node-selector-labels`). */
  readonly byLabel: boolean;
  /** Nodes can be selected by their addresses (`policy-cidr-match-mode` has `nodes`). */
  readonly byAddress: boolean;
  /** The families that are on. */
  readonly families: readonly (4 | 6)[];
  /** The label by which policy knows a prefix. */
  readonly label: (cidr: Cidr) => Label;
}

/** Labels of all addresses of other nodes, by their prefix; none when nodes are one like the other. */
export function remoteNodeLabels(nodes: Iterable<NodeRow>, options: NodeLabelsOptions): ReadonlyMap<string, Labels> {
  const found = new Map<string, Labels>();
  if (!options.byLabel && !options.byAddress) return found;
  for (const node of nodes) {
    if (node.source === "local") continue;
    const shared = [makeLabel("reserved", "remote-node"), ...(options.byLabel ? ownLabels(node) : [])];
    for (const cidr of addressesOf(node, options)) {
      found.set(hostCidr(cidr.ip), Labels.of(options.byAddress ? [...shared, options.label(cidr)] : shared));
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
