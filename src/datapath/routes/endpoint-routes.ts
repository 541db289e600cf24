// SPDX-License-Identifier: Apache-2.0
// Endpoint routes: each pod address leads to the pod's own device, with the pod's MAC as a fixed neighbour.
import { isDeepStrictEqual } from "node:util";
import { hostCidr } from "../../core/index.ts";
import { ROUTE_TABLE_MAIN, type Route, type Rtnetlink } from "../../kernel/index.ts";
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

  /** Puts back what others took away, while the device is there. */
  keep(status: ObjectStatus, isUp: (ifindex: number) => boolean): void {
    if (!this.#enabled) return;
    for (const endpoint of this.#endpoints.values()) {
      if (endpoint.routed === undefined || !isUp(endpoint.ifindex)) continue;
      status.keep("route", `to ${endpoint.hostDevice}`, () => this.#ensure(endpoint));
    }
  }

  has(id: number): boolean {
    return this.#endpoints.has(id);
  }

  /** Whether an endpoint with routes is on that device. */
  isOn(ifindex: number): boolean {
    return this.#enabled && this.#endpoints.values().some((endpoint) => endpoint.ifindex === ifindex);
  }

  #ensure({ ifindex, routed }: EndpointDevice): boolean {
    const rtnl = this.#rtnl();
    const wanted = new Set(this.#enabled ? routed?.addresses.map((address) => hostCidr(address)) : []);
    const present = ownRoutes(rtnl, ifindex);
    const stale = present.filter(({ destination }) => !wanted.has(destination));
    const missing = [...wanted].filter((destination) => !present.some((route) => route.destination === destination));
    for (const route of stale) rtnl.deleteRoute(key(route));
    if (missing.length === 0 || routed === undefined) return stale.length > 0;
    // The pod answers no request that does not come from its gateway.
    for (const address of routed.addresses) rtnl.replaceNeighbor({ ifindex, address, mac: routed.mac });
    for (const destination of missing) {
      rtnl.replaceRoute({ destination, ifindex, table: ROUTE_TABLE_MAIN, protocol: RTPROT_KERNEL, scope: "link" });
    }
    return true;
  }
}

/** Of single addresses; the kernel's own are of link-local prefixes and of multicast. */
function ownRoutes(rtnl: Rtnetlink, ifindex: number): Route[] {
  return rtnl
    .routes({ table: ROUTE_TABLE_MAIN, ifindex })
    .filter(
      ({ protocol, type, gateway, destination }) =>
        protocol === RTPROT_KERNEL &&
        type === "unicast" &&
        gateway === undefined &&
        /(\.\d+\/32|:.*\/128)$/.test(destination) &&
        !/^f[ef]/.test(destination),
    );
}

function key({ destination, ifindex }: Route) {
  return { destination, ifindex, table: ROUTE_TABLE_MAIN, protocol: RTPROT_KERNEL };
}
