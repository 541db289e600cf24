// SPDX-License-Identifier: Apache-2.0
// Endpoint routes: each pod address leads to the pod's own device, with the pod's MAC as a fixed neighbour.
import { isDeepStrictEqual } from "node:util";
import { hostCidr, parseMac } from "../../core/index.ts";
import { type Neighbor, NUD_PERMANENT, ROUTE_TABLE_MAIN, type Route, type Rtnetlink } from "../../kernel/index.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { EndpointDevice } from "../types.ts";
import { RTPROT_KERNEL } from "./route-keeper.ts";

/** Routes over devices of pods, of this run's endpoints. */
export class EndpointRoutes {
  readonly #enabled: boolean;
  readonly #rtnl: () => Rtnetlink;
  readonly #endpoints = new Map<number, EndpointDevice>();

  constructor(enabled: boolean, rtnl: () => Rtnetlink) {
    this.#enabled = enabled;
    this.#rtnl = rtnl;
  }

  /**
   * Brings the endpoint's routes to what they should be: there, or gone where routes lead over cilium_host. A new one
   * has none of an earlier run.
   */
  ensure(endpoint: EndpointDevice, { isNew }: { readonly isNew: boolean }): void {
    const known = this.#endpoints.get(endpoint.id);
    this.#endpoints.set(endpoint.id, endpoint);
    const same = known?.ifindex === endpoint.ifindex && isDeepStrictEqual(known.routed, endpoint.routed);
    if (!same && (this.#enabled || !isNew)) this.#ensure(endpoint);
  }

  /** With the device its routes go. */
  remove(id: number): void {
    const endpoint = this.#endpoints.get(id);
    this.#endpoints.delete(id);
    if (endpoint === undefined || !this.#enabled) return;
    for (const route of ownRoutes(this.#rtnl(), endpoint.ifindex)) this.#rtnl().deleteRoute(key(route));
  }

  /** Puts back what others took away or changed, while the device is there. Takes two dumps, of all devices' at once. */
  keep(status: ObjectStatus, isUp: (ifindex: number) => boolean): void {
    if (!this.#enabled || this.#endpoints.size === 0) return;
    const rtnl = this.#rtnl();
    const routes = Map.groupBy(rtnl.routes({ table: ROUTE_TABLE_MAIN }).filter(isOwn), ({ ifindex }) => ifindex);
    const neighbors = Map.groupBy(rtnl.neighbors(), ({ ifindex }) => ifindex);
    for (const endpoint of this.#endpoints.values()) {
      const { ifindex, hostDevice, routed } = endpoint;
      if (routed === undefined || !isUp(ifindex)) continue;
      const present = { routes: routes.get(ifindex) ?? [], neighbors: neighbors.get(ifindex) ?? [] };
      status.keep("route", `to ${hostDevice}`, () => this.#ensure(endpoint, present));
    }
  }

  has(id: number): boolean {
    return this.#endpoints.has(id);
  }

  /** Whether an endpoint with routes is on that device. */
  isOn(ifindex: number): boolean {
    return this.#enabled && this.#endpoints.values().some((endpoint) => endpoint.ifindex === ifindex);
  }

  #ensure({ ifindex, routed }: EndpointDevice, present = this.#present(ifindex)): boolean {
    const rtnl = this.#rtnl();
    const wanted = new Set(this.#enabled ? routed?.addresses.map((address) => hostCidr(address)) : []);
    const stale = present.routes.filter(({ destination }) => !wanted.has(destination));
    const missing = [...wanted].filter((cidr) => !present.routes.some(({ destination }) => destination === cidr));
    for (const route of stale) rtnl.deleteRoute(key(route));
    if (!this.#enabled || routed === undefined) return stale.length > 0;
    const unknown = routed.addresses.filter((address) => !present.neighbors.some(isFixed(address, routed.mac)));
    // The pod answers no request that does not come from its gateway.
    for (const address of unknown) rtnl.replaceNeighbor({ ifindex, address, mac: routed.mac });
    for (const destination of missing) {
      rtnl.replaceRoute({ destination, ifindex, table: ROUTE_TABLE_MAIN, protocol: RTPROT_KERNEL, scope: "link" });
    }
    return stale.length + missing.length + unknown.length > 0;
  }

  #present(ifindex: number): Present {
    const rtnl = this.#rtnl();
    return { routes: ownRoutes(rtnl, ifindex), neighbors: this.#enabled ? rtnl.neighbors({ ifindex }) : [] };
  }
}

/** What a device has. */
interface Present {
  /** Those that are ours. */
  readonly routes: readonly Route[];
  readonly neighbors: readonly Neighbor[];
}

function ownRoutes(rtnl: Rtnetlink, ifindex: number): Route[] {
  return rtnl.routes({ table: ROUTE_TABLE_MAIN, ifindex }).filter(isOwn);
}

/** Of single addresses; the kernel's own are of link-local prefixes and of multicast. */
function isOwn({ protocol, type, gateway, destination }: Route): boolean {
  return (
    protocol === RTPROT_KERNEL &&
    type === "unicast" &&
    gateway === undefined &&
    /(\.\d+\/32|:.*\/128)$/.test(destination) &&
    !/^f[ef]/.test(destination)
  );
}

function isFixed(wanted: string, wantedMac: string): (neighbor: Neighbor) => boolean {
  const known = parseMac(wantedMac);
  return ({ address, mac, state }) => address === wanted && mac === known && (state & NUD_PERMANENT) !== 0;
}

function key({ destination, ifindex }: Route) {
  return { destination, ifindex, table: ROUTE_TABLE_MAIN, protocol: RTPROT_KERNEL };
}
