// SPDX-License-Identifier: Apache-2.0
// What another node may not say about itself: this node knows better what is its own.
import { cidrContains, hostCidr } from "../core/index.ts";
import { type NodeRow, nodeKey } from "./types.ts";

/** Why an announced node contradicts the local one; undefined when it does not. */
export function contradiction(announced: NodeRow, local: NodeRow): string | undefined {
  const own = local.addresses.map(({ ip }) => ip);
  const shared = announced.addresses.find(({ ip }) => own.includes(ip));
  if (nodeKey(announced) === nodeKey(local)) {
    // Two nodes of one name overwrite each other's announcement; what this one wrote itself has its addresses.
    if (shared !== undefined || announced.addresses.length === 0 || own.length === 0) return undefined;
    return `another node (${announced.addresses[0]?.ip}) announces itself by this node's name`;
  }
  if (shared !== undefined) return `claims this node's address ${shared.ip}`;
  for (const theirs of [announced.ipv4PodCidr, announced.ipv6PodCidr]) {
    const problem = theirs === undefined ? undefined : overlapWithLocal(theirs, local);
    if (problem !== undefined) return `pod CIDR ${theirs} ${problem}`;
  }
  const inside = announced.addresses.find(({ ip }) => podCidrs(local).some((cidr) => cidrContains(cidr, ip)));
  return inside === undefined ? undefined : `claims ${inside.ip} of this node's pod CIDR`;
}

/** How a prefix of another node touches what is the local node's own; undefined when it does not. Canonical prefixes. */
export function overlapWithLocal(prefix: string, local: NodeRow): string | undefined {
  const own = podCidrs(local).find((cidr) => cidrContains(cidr, prefix) || cidrContains(prefix, cidr));
  if (own !== undefined) return `overlaps this node's pod CIDR ${own}`;
  const address = local.addresses.find(({ ip }) => cidrContains(prefix, hostCidr(ip)));
  return address === undefined ? undefined : `covers this node's address ${address.ip}`;
}

/** Whether a packet on the wire may be for this address of a host: not this machine, a group, or nobody. Canonical. */
export function isHostAddress(ip: string): boolean {
  if (ip.includes(":")) return ip !== "::" && ip !== "::1" && !ip.startsWith("ff") && !ip.startsWith("::ffff:");
  const first = Number(ip.slice(0, ip.indexOf(".")));
  return first !== 0 && first !== 127 && first < 224;
}

function podCidrs({ ipv4PodCidr, ipv6PodCidr }: NodeRow): string[] {
  return [ipv4PodCidr, ipv6PodCidr].filter((cidr) => cidr !== undefined);
}
