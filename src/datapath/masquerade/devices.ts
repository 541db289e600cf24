// SPDX-License-Identifier: Apache-2.0
// Which addresses the devices that lead out give to what leaves by them. Pure.

import { matchesDevice, type Network } from "../devices/physical.ts";
import { carriesEthernet } from "../devices/underlay.ts";
import type { DatapathConfig } from "../types.ts";

/** A device that masquerades. */
export interface MasqueradeDevice {
  readonly name: string;
  readonly ifindex: number;
  readonly ipv4?: string;
  readonly ipv6?: string;
}

/** A temporary or deprecated IPv6 address goes away soon (linux/if_addr.h: IFA_F_TEMPORARY, IFA_F_DEPRECATED). */
const PASSING = 0x01 | 0x20;

/**
 * Of the devices that lead out those that are wanted and carry Ethernet, with their first lasting address of global scope
 * of each family; those without any are left out.
 */
export function masqueradeDevices(
  { links, addresses }: Pick<Network, "links" | "addresses">,
  outward: readonly string[],
  config: DatapathConfig["masquerade"],
): readonly MasqueradeDevice[] {
  if (config === undefined) return [];
  const { devices = [] } = config;
  const first = (ifindex: number, family: 4 | 6) =>
    addresses.find(
      (address) =>
        address.ifindex === ifindex &&
        address.family === family &&
        address.scope === "universe" &&
        !address.dadFailed &&
        !address.tentative &&
        (family === 4 || (address.flags & PASSING) === 0),
    )?.address;
  return links
    .filter((link) => outward.includes(link.name) && carriesEthernet(link))
    .filter(({ name }) => devices.length === 0 || devices.some((pattern) => matchesDevice(pattern, name)))
    .map(({ name, ifindex }) => {
      const ipv4 = config.ipv4 ? first(ifindex, 4) : undefined;
      const ipv6 = config.ipv6 ? first(ifindex, 6) : undefined;
      return { name, ifindex, ...(ipv4 !== undefined && { ipv4 }), ...(ipv6 !== undefined && { ipv6 }) };
    })
    .filter(({ ipv4, ipv6 }) => ipv4 !== undefined || ipv6 !== undefined);
}
