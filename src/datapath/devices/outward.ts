// SPDX-License-Identifier: Apache-2.0
// The node's own addresses; for the host firewall, masquerading and ipvlan pods the devices that lead out of the node, and
// what they give to what leaves.
import type { Address, NetlinkEvent, Rtnetlink } from "../../kernel/index.ts";
import type { LxcMap } from "../maps/types.ts";
import { type MasqueradeCandidate, masqueradeCandidates } from "../masquerade/devices.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { DatapathConfig } from "../types.ts";
import { matchesDevice, mayLeadOut, physicalDevices } from "./physical.ts";

type OutwardConfig = Pick<
  DatapathConfig,
  "hostFirewall" | "masquerade" | "devices" | "nodeIpv4" | "nodeIpv6" | "ipvlanMaster"
>;

/** Loopback and link-local: nobody reaches them through a pod's or the tunnel's device. */
const unreachable = /^(127\.|::1$|fe[89ab])/;

/** Whether others may reach a node by an address of it. */
export function isNodeAddress(address: string): boolean {
  return !unreachable.test(address);
}

/** kube-proxy's in IPVS mode: it has services' addresses, which are not the node. */
const servicesDevice = "kube-ipvs0";

/** Whether there are programs on devices that lead out. */
export function usesOutwardDevices({
  hostFirewall,
  masquerade,
  ipvlanMaster,
}: Pick<DatapathConfig, "hostFirewall" | "masquerade" | "ipvlanMaster">): boolean {
  return hostFirewall === true || masquerade !== undefined || ipvlanMaster !== undefined;
}

/** What the last look found. */
export class OutwardDevices {
  readonly #config: OutwardConfig;
  #ifindexes: ReadonlyMap<string, number> = new Map();
  #addresses: readonly string[] = [];
  #masquerading: readonly MasqueradeCandidate[] = [];

  constructor(config: OutwardConfig) {
    this.#config = config;
  }

  get names(): readonly string[] {
    return [...this.#ifindexes.keys()];
  }

  /** The node's addresses; those of pods' devices are not among them. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** Devices that may masquerade. */
  get masquerading(): readonly MasqueradeCandidate[] {
    return this.#masquerading;
  }

  ifindexOf(name: string): number | undefined {
    return this.#ifindexes.get(name);
  }

  /** Names in the configuration that no device has now; it may come later. */
  noteMissing(rtnl: Rtnetlink, status: Pick<ObjectStatus, "note">): void {
    const { devices: wanted = [] } = this.#config;
    if (wanted.length === 0) return;
    const links = rtnl.links();
    for (const pattern of wanted) {
      if (links.some(({ name }) => matchesDevice(pattern, name))) continue;
      status.note("device", pattern, "no device has this name of key devices: nothing is done there until one comes");
    }
  }

  /** Looks; true when the node's addresses are others than before. */
  look(rtnl: Rtnetlink): boolean {
    const found = rtnl.addresses();
    const services = rtnl.link(servicesDevice)?.ifindex;
    if (usesOutwardDevices(this.#config)) this.#lookOutward(rtnl, found);
    const before = this.#addresses.join();
    this.#addresses = found
      .filter(({ ifindex }) => ifindex !== services)
      .map(({ address }) => address)
      .filter(isNodeAddress)
      .sort();
    return this.#addresses.join() !== before;
  }

  #lookOutward(rtnl: Rtnetlink, addresses: readonly Address[]): void {
    const { masquerade, devices = [], nodeIpv4, nodeIpv6, ipvlanMaster } = this.#config;
    const network = { links: rtnl.links(), addresses, routes: rtnl.routes() };
    const nodeAddresses = [nodeIpv4, nodeIpv6].filter((address) => address !== undefined);
    const names = new Set(physicalDevices(network, nodeAddresses, devices));
    // What ipvlan pods send leaves there, whatever the device is for otherwise.
    const withPrograms = new Set([...names, ...(ipvlanMaster === undefined ? [] : [ipvlanMaster])]);
    this.#ifindexes = new Map(
      network.links.filter(({ name }) => withPrograms.has(name)).map(({ name, ifindex }) => [name, ifindex]),
    );
    this.#masquerading = masqueradeCandidates(network, [...names], masquerade);
  }
}

/** Whether an event may be about a device that leads out, other than its addresses and routes. */
export function concernsOutward(event: NetlinkEvent): boolean {
  return event.kind === "link" && mayLeadOut(event.link.name);
}

/**
 * Makes exactly these addresses the host's in cilium_lxc; one that is an endpoint's stays that one's. True when something
 * changed.
 */
export function writeHostAddresses(lxc: LxcMap, addresses: readonly string[]): boolean {
  const rows = lxc.list();
  const pods = new Set(rows.filter(({ host }) => !host).map(({ address }) => address));
  const before = new Set(rows.filter(({ host }) => host).map(({ address }) => address));
  const wanted = new Set(addresses.filter((address) => !pods.has(address)));
  lxc.upsertMany([...wanted].map((address) => ({ address, endpointId: 0, host: true })));
  lxc.deleteMany(rows.filter((row) => row.host && !wanted.has(row.address)));
  return before.symmetricDifference(wanted).size > 0;
}
