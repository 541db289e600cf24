// SPDX-License-Identifier: Apache-2.0
// The veth pair of an endpoint: the engine moves the container's end into the container, addresses and all.
import { Rtnetlink, writeSysctl } from "../../src/kernel/index.ts";
import { hostInterfaceName } from "../cni/index.ts";

/** Names that follow from an endpoint's id. */
export interface DeviceNames {
  /** Stays on the host. */
  readonly host: string;
  /** Until the engine moves and renames it; also how the agent tells attachments of one container apart. */
  readonly container: string;
}

export function deviceNames(endpointId: string): DeviceNames {
  return { host: hostInterfaceName(endpointId, "docker"), container: `dkr${endpointId.slice(0, 12)}` };
}

/** A pair, both ends down, in place of one that may be there. */
export function createPair(names: DeviceNames, mac: string, mtu: number): void {
  using rtnl = new Rtnetlink();
  rtnl.deleteLink(names.host);
  const size = mtu > 0 ? { mtu } : {};
  const link = rtnl.createVeth({ name: names.host, ...size, peer: { name: names.container, mac, ...size } });
  // No link-local address on the host side: our programs answer for it.
  rtnl.setLink(link.ifindex, { noAddrGen: true });
  writeSysctl(`net/ipv4/conf/${names.host}/rp_filter`, 0);
}

/** A device of the host; undefined when there is none of that name. */
export function hostDevice(name: string): { readonly ifindex: number; readonly mac: string } | undefined {
  using rtnl = new Rtnetlink();
  return rtnl.link(name);
}

/** Whether some container has the other end: it left this namespace, and the pair is there. */
export function isInContainer(names: DeviceNames): boolean {
  using rtnl = new Rtnetlink();
  return rtnl.link(names.host) !== undefined && rtnl.link(names.container) === undefined;
}

/** Lets nothing pass (false), or what the programs let pass. A pair that is gone is fine when it is to be closed. */
export function openPair(names: DeviceNames, up: boolean): void {
  using rtnl = new Rtnetlink();
  if (up || rtnl.link(names.host) !== undefined) rtnl.setLink(names.host, { up });
}

/** Whether packets from and to this node's loopback addresses may pass a device. One that is gone is fine. */
export function allowLoopback(device: string, allowed: boolean): void {
  if (hostDevice(device) !== undefined) writeSysctl(`net/ipv4/conf/${device}/route_localnet`, allowed ? 1 : 0);
}

/** Nothing there is fine. */
export function deletePair(names: DeviceNames): void {
  using rtnl = new Rtnetlink();
  rtnl.deleteLink(names.host);
}
