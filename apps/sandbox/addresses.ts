// SPDX-License-Identifier: Apache-2.0
// Which addresses a sandbox uses. Pure.
import { formatCidr, parseCidr, parseIp } from "../../src/core/index.ts";
import type { Sandbox, SandboxNode } from "./types.ts";

/** Sandboxes side by side: parts of 172.31.240.0/20. */
export const maxSandboxes = 16;
export const maxNodes = 50;
const gatewayHost = 1;
const outsideHost = 200;
const firstNodeHost = 10;

/** Host part as it reads in decimal, so that 172.31.240.11 and fd00:31:240::1:11 belong together. */
function underlayAddress(index: number, host: number): { ipv4: string; ipv6: string } {
  return { ipv4: `172.31.${240 + index}.${host}`, ipv6: parseIp(`fd00:31:240::${(index + 1).toString(16)}:${host}`) };
}

/** Addresses of the bridge, where etcd listens: the nodes' default gateway. */
export const gatewayAddresses = (index: number) => underlayAddress(index, gatewayHost);
/** An outside host on the underlay: "world" to the nodes. */
export const outsideAddresses = (index: number) => underlayAddress(index, outsideHost);
export const underlayPrefixLength = { ipv4: 24, ipv6: 64 } as const;

/** The first underlay part that no sandbox has. */
export function freeIndex(taken: ReadonlySet<number>): number | undefined {
  for (let index = 0; index < maxSandboxes; index++) if (!taken.has(index)) return index;
  return undefined;
}

/** Plans the nodes. A pod CIDR in `settings` (ipv4-range, ipv6-range) goes before the planned one. */
export function planNodes(
  sandbox: Pick<Sandbox, "index" | "ipv4" | "ipv6" | "settings">,
  count: number,
): SandboxNode[] {
  return Array.from({ length: count }, (_, i) => {
    const index = i + 1;
    const { ipv4, ipv6 } = underlayAddress(sandbox.index, firstNodeHost + index);
    const pods4 = sandbox.settings["ipv4-range"] ?? `10.${100 + sandbox.index}.${index}.0/24`;
    const pods6 = sandbox.settings["ipv6-range"] ?? `fd00:10:${100 + sandbox.index}:${index}::/112`;
    return {
      name: `node${index}`,
      index,
      ...(sandbox.ipv4 && { ipv4, ipv4PodCidr: formatCidr(parseCidr(pods4)) }),
      ...(sandbox.ipv6 && { ipv6, ipv6PodCidr: formatCidr(parseCidr(pods6)) }),
    };
  });
}
