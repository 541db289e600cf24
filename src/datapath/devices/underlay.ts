// SPDX-License-Identifier: Apache-2.0
// Which device the underlay's packets come in by.
import type { Link } from "../../kernel/index.ts";

/** What is needed of addresses to find their device. */
export type AddressView = readonly { readonly ifindex: number; readonly address: string }[];

const ethernetMac = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/;

/** Index of the device that holds one of these addresses. */
export function addressHolder(addresses: AddressView, wanted: readonly string[]): number | undefined {
  return addresses.find(({ address }) => wanted.includes(address))?.ifindex;
}

/** Whether programs get Ethernet frames there: tunnels and the like have no such address, and begin with IP. */
export function carriesEthernet({ mac }: Pick<Link, "mac">): boolean {
  return ethernetMac.test(mac);
}
