// SPDX-License-Identifier: Apache-2.0
// Configuration keys of how packets reach pods. Names and defaults are Cilium's.
import { type Config, type ConfigCheck, configTypes, defineOption } from "../../src/core/index.ts";

const { boolean, int, oneOf, string } = configTypes;

export const routingOptions = {
  datapathMode: defineOption({
    name: "datapath-mode",
    schema: oneOf("veth", "ipvlan"),
    default: "veth" as const,
    description: "What pods' devices are: ends of pairs, or slaves of ipvlan-master-device",
  }),
  ipvlanMasterDevice: defineOption({
    name: "ipvlan-master-device",
    schema: string(),
    default: "",
    description: "With datapath-mode=ipvlan: device of the node whose slaves pods get",
  }),
  ipvlanOperationMode: defineOption({
    name: "ipvlan-operation-mode",
    schema: string(),
    default: "L3",
    description: "Mode of pods' ipvlan devices; only L3",
  }),
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

/** Of keys, what is wrong with their values, for a reason that is not theirs. */
export type Unfit = Readonly<Record<string, (config: Config) => { found: string; allowed: string } | undefined>>;

/** Of each key, what is wrong with it while pods get ipvlan devices. */
export function onlyWithVeth(problems: Unfit): readonly ConfigCheck[] {
  return Object.entries(problems).map(
    ([key, check]): ConfigCheck =>
      (config) => {
        const problem = config.get(routingOptions.datapathMode) === "ipvlan" ? check(config) : undefined;
        return problem && { key, found: problem.found, allowed: `${problem.allowed} with datapath-mode=ipvlan` };
      },
  );
}

/** UDP port of each tunnel where none is configured. */
export const defaultTunnelPort = { vxlan: 8472, geneve: 6081 } as const;

/** What ipvlan pods do not get along with, whatever the mode of new ones. */
export const routingUnfitForSlaves: Unfit = {
  "routing-mode": (config) =>
    config.get(routingOptions.routingMode) === "native" ? undefined : { found: "tunnel", allowed: "native" },
  "enable-endpoint-routes": (config) =>
    config.get(routingOptions.enableEndpointRoutes) ? { found: "true", allowed: "false" } : undefined,
};

export const routingChecks: readonly ConfigCheck[] = [
  ...onlyWithVeth({
    "ipvlan-master-device": (config) =>
      config.get(routingOptions.ipvlanMasterDevice) === ""
        ? { found: "nothing", allowed: "the name of a device of this node" }
        : undefined,
    "ipvlan-operation-mode": (config) => {
      const found = config.get(routingOptions.ipvlanOperationMode);
      return found === "L3" ? undefined : { found, allowed: "L3" };
    },
  }),
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
