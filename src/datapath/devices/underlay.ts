// SPDX-License-Identifier: Apache-2.0
// Which device the underlay's packets come in by.
import type { Link, Rtnetlink } from "../../kernel/index.ts";
import type { DatapathConfig } from "../types.ts";

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

/** The device that holds the tunnel's address, if our program fits there. */
export function findUnderlay(rtnl: Rtnetlink, { nodeIpv4 }: Pick<DatapathConfig, "nodeIpv4">): Link | undefined {
  const holder = nodeIpv4 === undefined ? undefined : addressHolder(rtnl.addresses({ family: 4 }), [nodeIpv4]);
  const link = holder === undefined ? undefined : rtnl.link(holder);
  return link !== undefined && carriesEthernet(link) ? link : undefined;
}
