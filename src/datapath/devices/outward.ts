// SPDX-License-Identifier: Apache-2.0
// For the host firewall: the devices that lead out of the node, and every address that is the node's own.
import type { Rtnetlink } from "../../kernel/index.ts";
import type { LxcMap } from "../maps/types.ts";
import type { DatapathConfig } from "../types.ts";
import { physicalDevices } from "./physical.ts";

type OutwardConfig = Pick<DatapathConfig, "hostFirewall" | "devices" | "nodeIpv4" | "nodeIpv6">;

/** Loopback and link-local: nobody reaches them through a pod's or the tunnel's device. */
const unreachable = /^(127\.|::1$|fe[89ab])/;

/** What the last look found; nothing without the host firewall. */
export class OutwardDevices {
  readonly #config: OutwardConfig;
  #ifindexes: ReadonlyMap<string, number> = new Map();
  #addresses: readonly string[] = [];

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

  ifindexOf(name: string): number | undefined {
    return this.#ifindexes.get(name);
  }

  /** Looks; true when the node's addresses are others than before. */
  look(rtnl: Rtnetlink): boolean {
    const { hostFirewall, devices = [], nodeIpv4, nodeIpv6 } = this.#config;
    if (hostFirewall !== true) return false;
    const network = { links: rtnl.links(), addresses: rtnl.addresses(), routes: rtnl.routes() };
    const nodeAddresses = [nodeIpv4, nodeIpv6].filter((address) => address !== undefined);
    const names = new Set(physicalDevices(network, nodeAddresses, devices));
    this.#ifindexes = new Map(
      network.links.filter(({ name }) => names.has(name)).map(({ name, ifindex }) => [name, ifindex]),
    );
    const before = this.#addresses.join();
    this.#addresses = network.addresses
      .map(({ address }) => address)
      .filter((address) => !unreachable.test(address))
      .sort();
    return this.#addresses.join() !== before;
  }
}

/** Makes exactly these addresses the host's in cilium_lxc. */
export function writeHostAddresses(lxc: LxcMap, addresses: readonly string[]): void {
  lxc.upsertMany(addresses.map((address) => ({ address, endpointId: 0, host: true })));
  lxc.deleteMany(lxc.list().filter((row) => row.host && !addresses.includes(row.address)));
}
