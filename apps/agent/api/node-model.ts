// SPDX-License-Identifier: Apache-2.0
// Rows of nodes in the form of the REST API.
import type { NodeAddressing, NodeElement } from "../../../src/api/index.ts";
import { type NodeRow, nodeAddress } from "../../../src/node/index.ts";

export function toNodeModel(row: NodeRow): NodeElement {
  const [ipv4, ipv6] = [nodeAddress(row, "InternalIP", 4), nodeAddress(row, "InternalIP", 6)];
  const primary = { ...family("ipv4", ipv4, row.ipv4PodCidr), ...family("ipv6", ipv6, row.ipv6PodCidr) };
  const health = { ...family("ipv4", row.ipv4HealthIp), ...family("ipv6", row.ipv6HealthIp) };
  // Router addresses are no addresses of the machine.
  const others = row.addresses.filter(({ ip, type }) => type !== "CiliumInternalIP" && ip !== ipv4 && ip !== ipv6);
  return {
    name: `${row.cluster}/${row.name}`,
    "primary-address": primary,
    ...(others.length > 0 && { "secondary-addresses": others.map(({ ip, type }) => ({ ip, "address-type": type })) }),
    ...(Object.keys(health).length > 0 && { "health-endpoint-address": health }),
    source: row.source,
  };
}

/** Nothing for a family that a node does not have. */
function family(name: "ipv4" | "ipv6", ip: string | undefined, range?: string): NodeAddressing {
  if (ip === undefined && range === undefined) return {};
  return {
    [name]: { enabled: true, ...(ip !== undefined && { ip }), ...(range !== undefined && { "alloc-range": range }) },
  };
}
