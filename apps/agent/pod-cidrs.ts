// SPDX-License-Identifier: Apache-2.0
// Which prefixes a node can give to its pods.
import { cidrContains, hostCidr, parseCidr } from "../../src/core/index.ts";
import { isHostAddress } from "../../src/node/index.ts";

/** Shortest prefix, by family: routes to a wider one would take over the node's own, and no other node believes it. */
const shortest = { 4: 8, 6: 16 } as const;

/** Why a canonical prefix cannot be a node's pod CIDR, as what is allowed instead; undefined when it can. */
export function podCidrProblem(cidr: string, nodeAddresses: readonly string[]): string | undefined {
  const { family, ip, bits } = parseCidr(cidr);
  if (bits < shortest[family]) return `a prefix of /${shortest[family]} or longer`;
  if (!isHostAddress(ip)) return "a prefix of addresses that hosts can have";
  const own = nodeAddresses.find((address) => cidrContains(cidr, hostCidr(address)));
  return own === undefined ? undefined : `a prefix without this node's own address ${own}`;
}
