// SPDX-License-Identifier: Apache-2.0
// The routes of a node, worked out from its configuration and the other nodes. Pure.
import { type Family, formatCidr, hostCidr, ipFamily, parseCidr } from "../../core/index.ts";
import { minimumRouteMtu } from "../mtu.ts";
import type { DatapathConfig, MtuInfo, RemoteNode } from "../types.ts";

/** One route over cilium_host in the main table, protocol kernel. */
export interface WantedRoute {
  readonly family: Family;
  readonly destination: string;
  /** IPv4 only: IPv6 has no `via`. */
  readonly gateway?: string;
  readonly source?: string;
  readonly mtu?: number;
  readonly scope: "universe" | "link";
}

type RouteConfig = Pick<
  DatapathConfig,
  | "enableIpv4"
  | "enableIpv6"
  | "routerIpv4"
  | "routerIpv6"
  | "ipv4PodCidr"
  | "ipv6PodCidr"
  | "routingMode"
  | "endpointRoutes"
>;

/**
 * In the order in which they must be written: a gateway before what goes through it. Later duplicates are dropped. Pods of
 * this node are not among them with endpoint routes, those of others not with native routing.
 */
export function wantedRoutes(config: RouteConfig, mtu: MtuInfo, nodes: readonly RemoteNode[]): readonly WantedRoute[] {
  const routes = new Map<string, WantedRoute>();
  const add = (route: WantedRoute) => {
    if (!routes.has(route.destination)) routes.set(route.destination, route);
  };
  const families = [
    { router: config.enableIpv4 ? config.routerIpv4 : undefined, local: config.ipv4PodCidr, pick: "ipv4PodCidr" },
    { router: config.enableIpv6 ? config.routerIpv6 : undefined, local: config.ipv6PodCidr, pick: "ipv6PodCidr" },
  ] as const;
  for (const { router, local, pick } of families) {
    if (router === undefined) continue;
    add({ family: ipFamily(router), destination: hostCidr(router), scope: "link" });
    if (local !== undefined && config.endpointRoutes !== true) add(viaRouter(router, local));
    for (const node of config.routingMode === "native" ? [] : nodes) {
      const remote = node[pick];
      if (remote !== undefined) add({ ...viaRouter(router, remote), mtu: routeMtu(router, mtu, node) });
    }
  }
  return [...routes.values()];
}

/** IPv6 has no smaller packets than those of 1280 bytes. */
function routeMtu(router: string, { route }: MtuInfo, node: RemoteNode): number {
  const smallest = ipFamily(router) === 4 ? 0 : minimumRouteMtu.ipv6;
  return Math.min(route, Math.max(smallest, node.routeMtu ?? route));
}

function viaRouter(router: string, cidr: string): WantedRoute {
  const family = ipFamily(router);
  const destination = formatCidr(parseCidr(cidr));
  return { family, destination, ...(family === 4 ? { gateway: router } : {}), source: router, scope: "universe" };
}
