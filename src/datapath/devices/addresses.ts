// SPDX-License-Identifier: Apache-2.0
// The router's addresses on cilium_host; others of global scope there are of an earlier configuration and go.
import { ipFamily } from "../../core/index.ts";
import type { Address, Rtnetlink } from "../../kernel/index.ts";
import type { ObjectStatus } from "../object-status.ts";

/** Puts `wanted` on the device as /32 or /128 and prunes others. */
export function ensureAddresses(
  rtnl: Rtnetlink,
  status: ObjectStatus,
  ifindex: number,
  wanted: readonly string[],
): void {
  const present = rtnl.addresses({ ifindex });
  for (const address of wanted) status.keep("address", address, () => ensureAddress(rtnl, present, ifindex, address));
  for (const { address, prefixLength, scope } of present) {
    if (scope !== "universe" || wanted.includes(address)) continue;
    status.keep("address", `${address} (to go)`, () => rtnl.deleteAddress({ ifindex, address, prefixLength }));
  }
}

function ensureAddress(rtnl: Rtnetlink, present: readonly Address[], ifindex: number, address: string): boolean {
  const prefixLength = ipFamily(address) === 4 ? 32 : 128;
  const found = present.find((row) => row.address === address);
  if (found !== undefined && found.prefixLength === prefixLength && !found.dadFailed) return false;
  if (found !== undefined) rtnl.deleteAddress({ ifindex, address, prefixLength: found.prefixLength });
  // The routes are our own rows, so the kernel makes none.
  rtnl.addAddress({ ifindex, address, prefixLength, noDad: true, noPrefixRoute: true });
  return true;
}
