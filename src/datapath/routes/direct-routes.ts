// SPDX-License-Identifier: Apache-2.0
// Native routing: routes to the pod CIDRs of nodes on the same segment, over those nodes. Others' routes stay as they are.
import { formatCidr, parseCidr } from "../../core/index.ts";
import { ROUTE_TABLE_MAIN, type Route, type RouteSpec, type Rtnetlink } from "../../kernel/index.ts";
import { DatapathError } from "../errors.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { DatapathConfig, RemoteNode } from "../types.ts";
import { RTPROT_KERNEL } from "./route-keeper.ts";
import type { Ways } from "./ways.ts";

type DirectConfig = Pick<
  DatapathConfig,
  "enableIpv4" | "enableIpv6" | "routingMode" | "autoDirectNodeRoutes" | "directRoutingSkipUnreachable"
>;

/** A pod CIDR and the node that it is behind. */
export interface DirectRoute {
  readonly destination: string;
  readonly node: string;
  /** Undefined: the node has no address of that family. */
  readonly gateway: string | undefined;
  /** What passes on the way there, where that is less than the device's. */
  readonly mtu: number | undefined;
}

/** None unless they are asked for. The first node that names a CIDR has it. Pure. */
export function wantedDirectRoutes(config: DirectConfig, nodes: readonly RemoteNode[]): readonly DirectRoute[] {
  if (config.routingMode !== "native" || config.autoDirectNodeRoutes !== true) return [];
  const routes = new Map<string, DirectRoute>();
  for (const { name, ipv4, ipv6, ipv4PodCidr, ipv6PodCidr, routeMtu: mtu } of nodes) {
    for (const [enabled, cidr, gateway] of [
      [config.enableIpv4, ipv4PodCidr, ipv4],
      [config.enableIpv6, ipv6PodCidr, ipv6],
    ] as const) {
      if (!enabled || cidr === undefined) continue;
      const destination = formatCidr(parseCidr(cidr));
      if (!routes.has(destination)) routes.set(destination, { destination, node: name, gateway, mtu });
    }
  }
  return [...routes.values()];
}

type RouteCalls = Pick<Rtnetlink, "routes" | "routeTo" | "replaceRoute" | "deleteRoute">;

export interface DirectRoutes {
  readonly wanted: readonly DirectRoute[];
  readonly ways: Ways;
  /** Whether what is not wanted goes: only when somebody has said which nodes there are. */
  readonly prune: boolean;
}

/** Writes and prunes them. */
export function ensureDirectRoutes(
  rtnl: RouteCalls,
  status: ObjectStatus,
  config: DirectConfig,
  { wanted, ways, prune }: DirectRoutes,
): void {
  const stale = Map.groupBy(findDirectRoutes(rtnl), ({ destination }) => destination);
  for (const route of wanted) {
    status.keep("route", route.destination, () => ensureRoute(rtnl, config, route, { ways, stale }));
  }
  if (!prune) return;
  for (const route of [...stale.values()].flat()) {
    const { destination } = route;
    status.keep("route", `${destination} via ${route.gateway} (to go)`, () => rtnl.deleteRoute(spec(route)));
  }
}

/**
 * Routes that are ours: over a node, of protocol kernel, in the main table. Those that the kernel makes by itself lead
 * over no gateway.
 */
export function findDirectRoutes(rtnl: Pick<Rtnetlink, "routes">): Route[] {
  return rtnl.routes({ table: ROUTE_TABLE_MAIN }).filter(
    ({ protocol, type, gateway, source, destination }) =>
      protocol === RTPROT_KERNEL &&
      type === "unicast" &&
      gateway !== undefined &&
      // Routes over cilium_host lead over the router's address, and name it as source too.
      gateway !== source &&
      !destination.endsWith("/0"),
  );
}

/** Removes exactly that one. */
export function removeRoute(rtnl: Rtnetlink, route: Route): void {
  rtnl.deleteRoute(spec(route));
}

/** What is as it should be, or was replaced, is stale no more. */
function ensureRoute(
  rtnl: RouteCalls,
  config: DirectConfig,
  { destination, node, gateway, mtu }: DirectRoute,
  { ways, stale }: { readonly ways: Ways; readonly stale: Map<string, Route[]> },
): boolean {
  const what = `Cannot set route "${destination}"`;
  if (gateway === undefined) throw new DatapathError(`${what}: node "${node}" has no address of that family`);
  const way = ways.to(rtnl, gateway);
  if (way?.ifindex === undefined || way.gateway !== undefined || way.type !== "unicast") {
    if (config.directRoutingSkipUnreachable === true) return false;
    const why = way?.gateway === undefined ? "is not reachable" : `is behind gateway ${way.gateway}`;
    const advice = "set direct-routing-skip-unreachable to leave such nodes to the network's routes";
    throw new DatapathError(`${what}: node "${node}" at ${gateway} ${why}, not on a segment of this node (${advice})`);
  }
  const { ifindex } = way;
  const present = stale.get(destination) ?? [];
  stale.delete(destination);
  const overOthers = present.filter((route) => route.gateway !== gateway || route.ifindex !== ifindex);
  const right = present.some((route) => !overOthers.includes(route) && route.mtu === mtu);
  if (right && overOthers.length === 0) return false;
  if (!right)
    rtnl.replaceRoute({ destination, gateway, ifindex, mtu, table: ROUTE_TABLE_MAIN, protocol: RTPROT_KERNEL });
  // IPv6 takes another gateway as one more way; what an IPv4 write replaced is gone already.
  for (const route of overOthers) rtnl.deleteRoute(spec(route));
  return true;
}

function spec({ family: _, ...route }: Route): RouteSpec {
  return route;
}
