// SPDX-License-Identifier: Apache-2.0
// Addresses of this node's pod CIDRs that no pod has: an answer for whoever asks, instead of the default route.
import { formatCidr, parseCidr } from "../../core/index.ts";
import { ROUTE_TABLE_MAIN, type Route, type Rtnetlink } from "../../kernel/index.ts";
import type { ObjectStatus } from "../object-status.ts";
import type { DatapathConfig } from "../types.ts";
import { RTPROT_KERNEL } from "./route-keeper.ts";

type UnreachableConfig = Pick<
  DatapathConfig,
  "enableIpv4" | "enableIpv6" | "ipv4PodCidr" | "ipv6PodCidr" | "routingMode" | "endpointRoutes"
>;

/** Behind any route over cilium_host. Tells ours from others' too: the kernel makes none with it. */
const METRIC = 65_535;

/**
 * CIDRs that have one: with endpoint routes, of which those of pods are more specific, and with native routing, should
 * the route over cilium_host be lost. With a tunnel alone packets to such addresses are dropped by name. Pure.
 */
export function wantedUnreachable(config: UnreachableConfig): readonly string[] {
  if (config.endpointRoutes !== true && config.routingMode !== "native") return [];
  const cidrs = [
    config.enableIpv4 ? config.ipv4PodCidr : undefined,
    config.enableIpv6 ? config.ipv6PodCidr : undefined,
  ];
  return cidrs.flatMap((cidr) => (cidr === undefined ? [] : formatCidr(parseCidr(cidr))));
}

/** Writes them, and removes those of an earlier configuration. */
export function ensureUnreachable(rtnl: Rtnetlink, status: ObjectStatus, config: UnreachableConfig): void {
  const present = findUnreachable(rtnl);
  const wanted = wantedUnreachable(config);
  for (const destination of wanted) {
    status.keep("route", `unreachable ${destination}`, () => {
      if (present.some((route) => route.destination === destination)) return false;
      rtnl.replaceRoute(spec(destination));
      return true;
    });
  }
  for (const { destination } of present) {
    if (wanted.includes(destination)) continue;
    status.keep("route", `unreachable ${destination} (to go)`, () => rtnl.deleteRoute(spec(destination)));
  }
}

/** Those that are ours. */
export function findUnreachable(rtnl: Rtnetlink): Route[] {
  return rtnl
    .routes({ table: ROUTE_TABLE_MAIN })
    .filter(({ protocol, type, metric }) => protocol === RTPROT_KERNEL && type === "unreachable" && metric === METRIC);
}

function spec(destination: string) {
  const type = "unreachable" as const;
  return { destination, type, table: ROUTE_TABLE_MAIN, protocol: RTPROT_KERNEL, metric: METRIC };
}
