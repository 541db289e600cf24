// SPDX-License-Identifier: Apache-2.0
// Configuration keys of how packets reach pods. Names and defaults are Cilium's.
import { type ConfigCheck, configTypes, defineOption } from "../../src/core/index.ts";

const { boolean, int, oneOf } = configTypes;

export const routingOptions = {
  routingMode: defineOption({
    name: "routing-mode",
    schema: oneOf("tunnel", "native"),
    default: "tunnel" as const,
    description: "How packets reach pods of other nodes: through a tunnel, or by the network's own routes",
  }),
  tunnelProtocol: defineOption({
    name: "tunnel-protocol",
    schema: oneOf("vxlan", "geneve"),
    default: "vxlan" as const,
    description: "Tunnel between nodes",
  }),
  tunnelPort: defineOption({
    name: "tunnel-port",
    schema: int(0, 65535),
    default: 0,
    description: "UDP port of the tunnel; 0: 8472 for vxlan, 6081 for geneve",
  }),
  autoDirectNodeRoutes: defineOption({
    name: "auto-direct-node-routes",
    schema: boolean(),
    default: false,
    description: "With native routing: keep routes to the pod CIDRs of nodes on the same segment",
  }),
  directRoutingSkipUnreachable: defineOption({
    name: "direct-routing-skip-unreachable",
    schema: boolean(),
    default: false,
    description: "Leave nodes that are not on the same segment to the network's routes, without an error",
  }),
  enableEndpointRoutes: defineOption({
    name: "enable-endpoint-routes",
    schema: boolean(),
    default: false,
    description: "Give each endpoint a route to its own device, instead of one over cilium_host for all",
  }),
  enableTcx: defineOption({
    name: "enable-tcx",
    schema: boolean(),
    default: true,
    description: "Attach programs by tcx links where the kernel has them; false: by clsact filters",
  }),
} as const;

/** UDP port of each tunnel where none is configured. */
export const defaultTunnelPort = { vxlan: 8472, geneve: 6081 } as const;

export const routingChecks: readonly ConfigCheck[] = [
  (config) =>
    config.get(routingOptions.autoDirectNodeRoutes) && config.get(routingOptions.routingMode) === "tunnel"
      ? {
          key: "auto-direct-node-routes",
          found: "true",
          allowed: "false with routing-mode=tunnel: packets go through the tunnel",
        }
      : undefined,
  (config) =>
    config.get(routingOptions.directRoutingSkipUnreachable) && !config.get(routingOptions.autoDirectNodeRoutes)
      ? {
          key: "direct-routing-skip-unreachable",
          found: "true",
          allowed: "false without auto-direct-node-routes: there are no routes to skip",
        }
      : undefined,
];
