// SPDX-License-Identifier: Apache-2.0
// The rtnetlink client: one socket, one namespace, synchronous requests.
import type { Family } from "../address.ts";
import type { Netns } from "../netns.ts";
import { type Address, type AddressSpec, addAddress, deleteAddress, listAddresses } from "./address.ts";
import { deleteLink, getLink, type Link, type LinkChange, listLinks, setLink } from "./link.ts";
import {
  createBridge,
  createGeneve,
  createIpvlan,
  createPlain,
  createVeth,
  createVxlan,
  type NewIpvlan,
  type NewLink,
  type NewTunnel,
  type NewVeth,
} from "./link-kinds.ts";
import {
  addProxyNeighbor,
  deleteNeighbor,
  listNeighbors,
  type Neighbor,
  type NeighborSpec,
  replaceNeighbor,
} from "./neighbor.ts";
import { deleteRoute, findRouteTo, listRoutes, type Route, type RouteSpec, replaceRoute } from "./route.ts";
import { addRule, deleteRule, listRules, type Rule } from "./rule.ts";
import { NetlinkSocket } from "./socket.ts";
import {
  addClsact,
  addFilter,
  deleteClsact,
  deleteFilter,
  type Filter,
  type FilterKey,
  type FilterSpec,
  listClsact,
  listFilters,
  type TcHook,
} from "./tc.ts";

const NETLINK_ROUTE = 0;

/** Errors are SyscallErrors that carry the kernel's own explanation. */
export class Rtnetlink implements Disposable {
  readonly #socket: NetlinkSocket;

  /** Works in `netns`, by default in the namespace of this moment, for its whole life. */
  constructor(options: { readonly netns?: Netns } = {}) {
    this.#socket = new NetlinkSocket(NETLINK_ROUTE, options.netns);
  }

  links(): Link[] {
    return listLinks(this.#socket);
  }

  /** Undefined when it is not there. */
  link(nameOrIndex: string | number): Link | undefined {
    return getLink(this.#socket, nameOrIndex);
  }

  createVeth(spec: NewVeth): Link {
    return createVeth(this.#socket, spec);
  }

  createVxlan(spec: NewTunnel): Link {
    return createVxlan(this.#socket, spec);
  }

  /** EOPNOTSUPP when the kernel lacks it. */
  createGeneve(spec: NewTunnel): Link {
    return createGeneve(this.#socket, spec);
  }

  /** In mode L3 with VEPA; EOPNOTSUPP when the kernel lacks it. The namespace may be another one. */
  createIpvlan(spec: NewIpvlan): void {
    createIpvlan(this.#socket, spec);
  }

  createBridge(spec: NewLink): Link {
    return createBridge(this.#socket, spec);
  }

  /** Any kind that needs no options ("dummy", "ifb"); EOPNOTSUPP when the kernel lacks it. */
  createLink(kind: string, spec: NewLink): Link {
    return createPlain(this.#socket, kind, spec);
  }

  /** Throws ENODEV when it is not there. */
  setLink(nameOrIndex: string | number, change: LinkChange): void {
    setLink(this.#socket, nameOrIndex, change);
  }

  /** False when there was none. */
  deleteLink(nameOrIndex: string | number): boolean {
    return deleteLink(this.#socket, nameOrIndex);
  }

  addresses(filter: { readonly ifindex?: number; readonly family?: Family } = {}): Address[] {
    return listAddresses(this.#socket, filter);
  }

  /** An address that is there already is fine. */
  addAddress(spec: AddressSpec): void {
    addAddress(this.#socket, spec);
  }

  /** False when there was none. */
  deleteAddress(spec: AddressSpec): boolean {
    return deleteAddress(this.#socket, spec);
  }

  routes(filter: { readonly family?: Family; readonly table?: number; readonly ifindex?: number } = {}): Route[] {
    return listRoutes(this.#socket, filter);
  }

  /** The route that a packet to the address would take; undefined when there is none. */
  routeTo(address: string): Route | undefined {
    return findRouteTo(this.#socket, address);
  }

  /** Takes the place of the route with the same destination, table and metric. */
  replaceRoute(spec: RouteSpec): void {
    replaceRoute(this.#socket, spec);
  }

  /** What is left out matches anything. False when there was none. */
  deleteRoute(spec: RouteSpec): boolean {
    return deleteRoute(this.#socket, spec);
  }

  rules(family?: Family): Rule[] {
    return listRules(this.#socket, family);
  }

  /** False when the same rule was there already. */
  addRule(rule: Rule): boolean {
    return addRule(this.#socket, rule);
  }

  /** False when there was none. */
  deleteRule(rule: Rule): boolean {
    return deleteRule(this.#socket, rule);
  }

  neighbors(filter: { readonly ifindex?: number; readonly family?: Family } = {}): Neighbor[] {
    return listNeighbors(this.#socket, filter);
  }

  /** Adds or overwrites; permanent unless told. */
  replaceNeighbor(spec: NeighborSpec): void {
    replaceNeighbor(this.#socket, spec);
  }

  /** The device answers for this address of others. */
  addProxyNeighbor(spec: { readonly ifindex: number; readonly address: string }): void {
    addProxyNeighbor(this.#socket, spec);
  }

  /** False when there was none. */
  deleteNeighbor(spec: { readonly ifindex: number; readonly address: string; readonly proxy?: boolean }): boolean {
    return deleteNeighbor(this.#socket, spec);
  }

  /** False when the device has clsact already. */
  addClsact(ifindex: number): boolean {
    return addClsact(this.#socket, ifindex);
  }

  /** A direct-action filter at the device's clsact; one of the same handle is replaced without a gap. */
  attachClsact(spec: FilterSpec): void {
    addFilter(this.#socket, spec);
  }

  /** False when there was none. */
  detachClsact(spec: FilterKey): boolean {
    return deleteFilter(this.#socket, spec);
  }

  /** Filters of one hook at clsact; none when it is not there. */
  clsactFilters(ifindex: number, hook: TcHook): Filter[] {
    return listFilters(this.#socket, ifindex, hook);
  }

  /** Indexes of devices with clsact. */
  clsactDevices(): number[] {
    return listClsact(this.#socket);
  }

  /** Removes clsact and all filters there; false when there was none. */
  removeClsact(ifindex: number): boolean {
    return deleteClsact(this.#socket, ifindex);
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
