// SPDX-License-Identifier: Apache-2.0
// What the cluster knows about a node.

/** Kinds of a node's addresses: on the underlay, or the router address inside of its pod CIDR. */
export type NodeAddressType = "InternalIP" | "ExternalIP" | "CiliumInternalIP";

/** One address; `ip` is canonical. */
export interface NodeAddress {
  readonly type: NodeAddressType;
  readonly ip: string;
}

/** Where a row comes from; the first one of a node that is there counts. */
export type NodeSource = "local" | "kvstore" | "custom-resource";

/** One node. Prefixes and addresses are canonical. */
export interface NodeRow {
  readonly name: string;
  readonly cluster: string;
  readonly clusterId: number;
  readonly addresses: readonly NodeAddress[];
  readonly ipv4PodCidr?: string;
  readonly ipv6PodCidr?: string;
  readonly ipv4HealthIp?: string;
  readonly ipv6HealthIp?: string;
  readonly encryptionKey: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly source: NodeSource;
  /** Changes with each boot of the machine; "" when unknown. */
  readonly bootId: string;
}

/** Key of the table: `cluster/name`. */
export function nodeKey(node: Pick<NodeRow, "cluster" | "name">): string {
  return `${node.cluster}/${node.name}`;
}

/** First address of a type and family; undefined when there is none. */
export function nodeAddress(node: NodeRow, type: NodeAddressType, family: 4 | 6): string | undefined {
  return node.addresses.find((address) => address.type === type && address.ip.includes(":") === (family === 6))?.ip;
}

/** The address on the underlay to which tunnels go: IPv4 when the underlay has it, else IPv6. */
export function tunnelAddress(node: NodeRow, family: 4 | 6): string | undefined {
  return nodeAddress(node, "InternalIP", family);
}
