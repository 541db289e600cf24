// SPDX-License-Identifier: Apache-2.0
// Brings the kernel's routes over cilium_host to the wanted ones: writes, changes, prunes; touches no others.
import { ROUTE_TABLE_MAIN, type Route, type RouteSpec, type Rtnetlink } from "../../kernel/index.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { WantedRoute } from "./wanted-routes.ts";

/** Protocol of all routes that are ours, as on a Cilium node. */
export const RTPROT_KERNEL = 2;

export interface KeptRoutes {
  /** Of cilium_host. */
  readonly ifindex: number;
  readonly wanted: readonly WantedRoute[];
  /** Whether those of ours that are not wanted go. */
  readonly prune: boolean;
}

/** Routes that are ours are those over `ifindex` in the main table with protocol kernel. */
export function ensureRoutes(rtnl: Rtnetlink, status: ObjectStatus, { ifindex, wanted, prune }: KeptRoutes): void {
  const present = rtnl.routes({ table: ROUTE_TABLE_MAIN, ifindex }).filter((route) => isOurs(route, ifindex));
  const byDestination = Map.groupBy(present, (route) => route.destination);
  for (const route of wanted) {
    const found = byDestination.get(route.destination) ?? [];
    status.keep("route", route.destination, () => ensureRoute(rtnl, ifindex, route, found));
    byDestination.delete(route.destination);
  }
  if (!prune) return;
  for (const stale of [...byDestination.values()].flat()) {
    status.keep("route", `${stale.destination} (to go)`, () => rtnl.deleteRoute(spec(stale)));
  }
}

function ensureRoute(rtnl: Rtnetlink, ifindex: number, wanted: WantedRoute, found: readonly Route[]): boolean {
  const right = found.find((route) => isSame(route, wanted));
  const wrong = found.filter((route) => route !== right);
  if (right === undefined) {
    const { family: _, ...route } = wanted;
    rtnl.replaceRoute({ ...route, ifindex, table: ROUTE_TABLE_MAIN, protocol: RTPROT_KERNEL });
  }
  // What the write replaced is gone already; others of the destination have another metric.
  for (const route of wrong) if (right !== undefined) rtnl.deleteRoute(spec(route));
  return right === undefined || wrong.length > 0;
}

function isOurs(route: Route, ifindex: number): boolean {
  return (
    route.ifindex === ifindex &&
    route.table === ROUTE_TABLE_MAIN &&
    route.protocol === RTPROT_KERNEL &&
    route.type === "unicast" &&
    !/^f[ef]/.test(route.destination)
  );
}

function isSame(route: Route, wanted: WantedRoute): boolean {
  return (
    route.gateway === wanted.gateway &&
    route.source === wanted.source &&
    route.mtu === wanted.mtu &&
    // IPv6 routes have no scope.
    (wanted.family === 6 || route.scope === wanted.scope)
  );
}

function spec(route: Route): RouteSpec {
  const { family: _, ...rest } = route;
  return rest;
}
