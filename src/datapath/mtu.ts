// SPDX-License-Identifier: Apache-2.0
// MTUs: what the underlay leaves for packets in the tunnel.
import { type AddressView, addressHolder } from "./devices/underlay.ts";
import { DatapathError } from "./errors.ts";
import type { MtuInfo } from "./types.ts";

/** Outer Ethernet is not counted by an underlay MTU; inner Ethernet, VXLAN, UDP and outer IP are. */
const vxlanOverhead = { 4: 14 + 8 + 8 + 20, 6: 14 + 8 + 8 + 40 } as const;

/** IPv6 needs links of 1280 bytes. */
export const minimumRouteMtu = { ipv4: 576, ipv6: 1280 } as const;

/** MTUs of devices and routes for an underlay of that many bytes and that family. */
export function computeMtu(underlayMtu: number, underlay: 4 | 6, carriesIpv6: boolean): MtuInfo {
  const route = underlayMtu - vxlanOverhead[underlay];
  const minimum = carriesIpv6 ? minimumRouteMtu.ipv6 : minimumRouteMtu.ipv4;
  if (!Number.isInteger(underlayMtu) || route < minimum) {
    const needed = minimum + vxlanOverhead[underlay];
    throw new DatapathError(`Cannot use MTU "${underlayMtu}": pods would have ${route} bytes (set at least ${needed})`);
  }
  return { device: underlayMtu, route };
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
