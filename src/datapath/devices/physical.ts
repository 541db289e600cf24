// SPDX-License-Identifier: Apache-2.0
// Which devices lead out of the node.
import type { Address, Link, Route } from "../../kernel/index.ts";

/** What rtnetlink says of this namespace. */
export interface Network {
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
}

const ours = /^(lo$|cilium_|lxc|tmp)/;

/** Whether the device may lead out: it is neither a loopback, nor ours. */
export function mayLeadOut(name: string): boolean {
  return !ours.test(name);
}

function leadsOut(link: Link): boolean {
  return link.up && mayLeadOut(link.name);
}

/**
 * Names of the devices with one of the node's addresses, and of those that default routes lead to; or, of `wanted`, those
 * that are there (a name that ends with `+` stands for all that begin so, as in Cilium's `devices`). Sorted.
 */
export function physicalDevices(
  { links, addresses, routes }: Network,
  nodeAddresses: readonly string[],
  wanted: readonly string[] = [],
): string[] {
  const isWanted = ({ name }: Link) => wanted.some((pattern) => matchesDevice(pattern, name));
  if (wanted.length > 0) return names(links.filter(isWanted));
  const found = new Set<number>();
  for (const { address, ifindex } of addresses) if (nodeAddresses.includes(address)) found.add(ifindex);
  for (const { destination, ifindex } of routes) {
    if (ifindex !== undefined && (destination === "0.0.0.0/0" || destination === "::/0")) found.add(ifindex);
  }
  return names(links.filter((link) => found.has(link.ifindex) && leadsOut(link)));
}

/** Whether a device's name is the pattern, or begins as one that ends with `+` does. */
export function matchesDevice(pattern: string, name: string): boolean {
  return pattern.endsWith("+") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function names(links: readonly Link[]): string[] {
  return links.map(({ name }) => name).sort();
}
