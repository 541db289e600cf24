// SPDX-License-Identifier: Apache-2.0
// Which addresses the devices that lead out give to what leaves by them. Pure.

import { matchesDevice, type Network } from "../devices/physical.ts";
import { carriesEthernet } from "../devices/underlay.ts";
import type { DatapathConfig } from "../types.ts";

/** A device that may masquerade, and the addresses that it may give, in the kernel's order. */
export interface MasqueradeCandidate {
  readonly name: string;
  readonly ifindex: number;
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

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
 * Of the devices that lead out those that are wanted and carry Ethernet, with their lasting addresses of global scope;
 * none of families that are off.
 */
export function masqueradeCandidates(
  { links, addresses }: Pick<Network, "links" | "addresses">,
  outward: readonly string[],
  config: DatapathConfig["masquerade"],
): readonly MasqueradeCandidate[] {
  if (config === undefined) return [];
  const { devices = [] } = config;
  const lasting = (ifindex: number, family: 4 | 6) =>
    addresses
      .filter(
        (address) =>
          address.ifindex === ifindex &&
          address.family === family &&
          address.scope === "universe" &&
          !address.dadFailed &&
          !address.tentative &&
          (family === 4 || (address.flags & PASSING) === 0),
      )
      .map(({ address }) => address);
  return links
    .filter((link) => outward.includes(link.name) && carriesEthernet(link))
    .filter(({ name }) => devices.length === 0 || devices.some((pattern) => matchesDevice(pattern, name)))
    .map(({ name, ifindex }) => {
      const ipv4 = config.ipv4 ? lasting(ifindex, 4) : [];
      const ipv6 = config.ipv6 ? lasting(ifindex, 6) : [];
      return { name, ifindex, ipv4, ipv6 };
    });
}

/**
 * What each device gives: of each family the address that it gave before, while it has that one (flows hang on it, and the
 * kernel tells the newest IPv6 address first), else the first. Devices without any are left out.
 */
export function chooseAddresses(
  candidates: readonly MasqueradeCandidate[],
  before: readonly Omit<MasqueradeDevice, "name">[],
): readonly MasqueradeDevice[] {
  return candidates
    .map(({ name, ifindex, ...found }) => {
      const given = before.find((device) => device.ifindex === ifindex);
      const choose = (family: "ipv4" | "ipv6") =>
        found[family].find((address) => address === given?.[family]) ?? found[family][0];
      const [ipv4, ipv6] = [choose("ipv4"), choose("ipv6")];
      return { name, ifindex, ...(ipv4 !== undefined && { ipv4 }), ...(ipv6 !== undefined && { ipv6 }) };
    })
    .filter(({ ipv4, ipv6 }) => ipv4 !== undefined || ipv6 !== undefined);
}
