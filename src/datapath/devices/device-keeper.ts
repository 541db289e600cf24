// SPDX-License-Identifier: Apache-2.0
// The node's own devices as they should be: made when missing, put right when changed, removed with the datapath.
import { randomMac } from "../../core/index.ts";
import { type Link, type LinkChange, type Rtnetlink, requireFeature } from "../../kernel/index.ts";
import { datapathError } from "../errors.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { DatapathConfig } from "../types.ts";
import { deviceNames, type TunnelProtocol, tunnelOf, tunnelProtocols } from "./names.ts";

const TX_QUEUE_LENGTH = 1000;
const IFF_NOARP = 0x80;

/** The devices that are there after `ensureDevices`; undefined where that failed. */
export interface Devices {
  readonly host: Link | undefined;
  readonly net: Link | undefined;
  /** Undefined without a tunnel too. */
  readonly tunnel: Link | undefined;
}

type TunnelConfig = Pick<DatapathConfig, "tunnelPort" | "routingMode" | "tunnelProtocol">;

/**
 * Makes and repairs cilium_host, cilium_net and the tunnel; errors go to `status`. `mtu` is the device MTU. While a tunnel
 * of an earlier configuration has the UDP port, the new one stays down: takeTunnelPort() changes that.
 */
export function ensureDevices(rtnl: Rtnetlink, status: ObjectStatus, config: TunnelConfig, mtu: number): Devices {
  status.keep("device", `${deviceNames.host}/${deviceNames.net}`, () => ensurePair(rtnl, mtu));
  for (const name of [deviceNames.host, deviceNames.net]) {
    status.keep("device", name, () => ensureSettings(rtnl, name, { mtu, noArp: true, txQueueLength: TX_QUEUE_LENGTH }));
  }
  const tunnel = tunnelOf(config);
  if (tunnel !== undefined) {
    status.keep("device", deviceNames[tunnel], () => {
      requireFeature(tunnel);
      const made = ensureTunnel(rtnl, tunnel, config.tunnelPort, mtu);
      const waits = portHolders(rtnl, config).length > 0;
      return ensureSettings(rtnl, deviceNames[tunnel], { mtu, waits }) || made;
    });
  }
  return {
    host: rtnl.link(deviceNames.host),
    net: rtnl.link(deviceNames.net),
    tunnel: tunnel && rtnl.link(deviceNames[tunnel]),
  };
}

/**
 * When all programs for the tunnel are loaded: removes those of an earlier configuration that have its UDP port, and sets
 * it up in their place. Packets that programs encapsulate themselves need neither.
 */
export function takeTunnelPort(rtnl: Rtnetlink, config: TunnelConfig): void {
  const tunnel = tunnelOf(config);
  const holders = portHolders(rtnl, config);
  if (tunnel === undefined || holders.length === 0) return;
  for (const { ifindex } of holders) rtnl.deleteLink(ifindex);
  setUp(rtnl, deviceNames[tunnel]);
}

/** Tunnels of an earlier configuration that have the UDP port. */
function portHolders(rtnl: Rtnetlink, config: TunnelConfig): Link[] {
  return tunnelProtocols
    .filter((protocol) => protocol !== tunnelOf(config))
    .flatMap((protocol) => rtnl.link(deviceNames[protocol]) ?? [])
    .filter((link) => isTunnel(link) && link.up && link.externalTunnelPort === config.tunnelPort);
}

/** Removes tunnel devices of an earlier configuration. Programs that send there are to be gone. */
export function removeOtherTunnels(rtnl: Rtnetlink, status: ObjectStatus, config: TunnelConfig): void {
  for (const protocol of tunnelProtocols) {
    if (protocol === tunnelOf(config)) continue;
    const link = rtnl.link(deviceNames[protocol]);
    if (link === undefined || !isTunnel(link)) continue;
    status.keep("device", `${link.name} (to go)`, () => rtnl.deleteLink(link.ifindex));
  }
}

/** Whether a device is one of ours by its kind too. */
export function isTunnel({ name, kind, externalTunnelPort }: Link): boolean {
  return externalTunnelPort !== undefined && tunnelProtocols.some((p) => p === kind && deviceNames[p] === name);
}

function ensurePair(rtnl: Rtnetlink, mtu: number): boolean {
  const host = rtnl.link(deviceNames.host);
  const net = rtnl.link(deviceNames.net);
  if (host !== undefined && net !== undefined && host.kind === "veth" && host.peerIfindex === net.ifindex) return false;
  // Half a pair, or a stranger under the name: the programs need both ends.
  rtnl.deleteLink(deviceNames.host);
  rtnl.deleteLink(deviceNames.net);
  rtnl.createVeth({
    name: deviceNames.host,
    mac: randomMac(),
    mtu,
    txQueueLength: TX_QUEUE_LENGTH,
    peer: { name: deviceNames.net, mac: randomMac(), mtu },
  });
  return true;
}

function ensureTunnel(rtnl: Rtnetlink, protocol: TunnelProtocol, port: number, mtu: number): boolean {
  const name = deviceNames[protocol];
  const present = rtnl.link(name);
  if (present?.externalTunnelPort === port && present.kind === protocol) return false;
  // A stranger under the name, or of an earlier configuration: port and mode of a device cannot be changed.
  if (present !== undefined) rtnl.deleteLink(name);
  const spec = { name, port, externalMetadata: true, mac: randomMac(), mtu } as const;
  if (protocol === "vxlan") rtnl.createVxlan(spec);
  else rtnl.createGeneve(spec);
  return true;
}

interface Settings {
  readonly mtu: number;
  readonly noArp?: boolean;
  readonly txQueueLength?: number;
  /** Not up yet. */
  readonly waits?: boolean;
}

/** Settings that can be changed in place. */
function ensureSettings(rtnl: Rtnetlink, name: string, wanted: Settings): boolean {
  const link = rtnl.link(name);
  if (link === undefined) throw datapathError(`Cannot set up device "${name}"`, "it is not there");
  const change: LinkChange = {
    ...(link.mtu === wanted.mtu ? {} : { mtu: wanted.mtu }),
    ...(wanted.noArp === true && (link.flags & IFF_NOARP) === 0 ? { noArp: true } : {}),
    ...(wanted.txQueueLength === undefined || link.txQueueLength === wanted.txQueueLength
      ? {}
      : { txQueueLength: wanted.txQueueLength }),
  };
  const toBeUp = !link.up && wanted.waits !== true;
  if (!toBeUp && Object.keys(change).length === 0) return false;
  setUp(rtnl, name, change, toBeUp);
  return true;
}

/** Changes settings, then sets the device up; a new one gets no link-local address before it is up. */
function setUp(rtnl: Rtnetlink, name: string, change: LinkChange = {}, up = true): void {
  try {
    // In two steps: the kernel sets the flags of a request before its address mode.
    rtnl.setLink(name, { ...change, noAddrGen: true });
    if (up) rtnl.setLink(name, { up: true });
  } catch (error) {
    const advice =
      name === deviceNames.vxlan || name === deviceNames.geneve
        ? "another tunnel device may use its UDP port"
        : undefined;
    throw datapathError(`Cannot set up device "${name}"`, error, advice);
  }
}
