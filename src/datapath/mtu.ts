// SPDX-License-Identifier: Apache-2.0
// MTUs: what the underlay leaves for packets in the tunnel.
import type { Rtnetlink } from "../kernel/index.ts";
import { tunnelOf } from "./devices/names.ts";
import { type AddressView, addressHolder } from "./devices/underlay.ts";
import { DatapathError } from "./errors.ts";
import type { DatapathConfig, MtuInfo } from "./types.ts";

/** Outer Ethernet is not counted by an underlay MTU; inner Ethernet, VXLAN or Geneve, UDP and outer IP are. */
const tunnelOverhead = { 4: 14 + 8 + 8 + 20, 6: 14 + 8 + 8 + 40 } as const;

/** IPv6 needs links of 1280 bytes. */
export const minimumRouteMtu = { ipv4: 576, ipv6: 1280 } as const;

/**
 * MTUs of devices and routes for an underlay of that many bytes. `tunnel` is the family of the underlay that it uses; none
 * with native routing.
 */
export function computeMtu(underlayMtu: number, tunnel: 4 | 6 | undefined, carriesIpv6: boolean): MtuInfo {
  const overhead = tunnel === undefined ? 0 : tunnelOverhead[tunnel];
  const route = underlayMtu - overhead;
  const minimum = carriesIpv6 ? minimumRouteMtu.ipv6 : minimumRouteMtu.ipv4;
  if (!Number.isInteger(underlayMtu) || route < minimum) {
    const needed = minimum + overhead;
    throw new DatapathError(`Cannot use MTU "${underlayMtu}": pods would have ${route} bytes (set at least ${needed})`);
  }
  return { device: underlayMtu, route };
}

/** MTUs of a node, from what is configured, or the device that holds its address. Throws DatapathError as underlayMtu(). */
export function findMtu(rtnl: Rtnetlink, config: DatapathConfig): MtuInfo {
  const { mtu, nodeIpv4, nodeIpv6, enableIpv6 } = config;
  const underlay = nodeIpv4 === undefined && nodeIpv6 !== undefined ? 6 : 4;
  const addresses = [nodeIpv4, nodeIpv6].filter((address) => address !== undefined);
  const device = mtu > 0 ? mtu : underlayMtu({ links: rtnl.links(), addresses: rtnl.addresses() }, addresses);
  return computeMtu(device, tunnelOf(config) && underlay, enableIpv6);
}

/** What is needed of links and addresses to find the underlay device. */
export interface UnderlayView {
  readonly links: readonly { readonly ifindex: number; readonly mtu: number }[];
  readonly addresses: AddressView;
}

/** MTU of the device that holds one of the node's addresses. Throws DatapathError when none does. */
export function underlayMtu(view: UnderlayView, nodeAddresses: readonly string[]): number {
  const holder = addressHolder(view.addresses, nodeAddresses);
  const link = view.links.find((row) => row.ifindex === holder);
  if (link === undefined) {
    const tried = nodeAddresses.length === 0 ? "none is configured" : `no device holds ${nodeAddresses.join(" or ")}`;
    throw new DatapathError(`Cannot find the MTU of the node's address: ${tried} (set the node address or the MTU)`);
  }
  return link.mtu;
}
