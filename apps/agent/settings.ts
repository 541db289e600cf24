// SPDX-License-Identifier: Apache-2.0
// The merged configuration in the forms that the modules take.
import { join } from "node:path";
import { healthSocketPath, monitorSocketPath, type NodeAddressing, shellSocketPath } from "../../src/api/index.ts";
import {
  type Config,
  ConfigError,
  defaultLabelFilter,
  type Family,
  ipFamily,
  isIp,
  parseIp,
  parseLabelFilter,
  systemClock,
} from "../../src/core/index.ts";
import { type DatapathConfig, slaveMaster } from "../../src/datapath/index.ts";
import type { DeviceOfEndpoint, PodLabelConfig } from "../../src/endpoint/index.ts";
import type { HealthConfig } from "../../src/health/index.ts";
import { Ipam } from "../../src/ipam/index.ts";
import { Rtnetlink } from "../../src/kernel/index.ts";
import { ipvlanMaster } from "./ipvlan.ts";
import { flowMapSizes } from "./map-options.ts";
import { masqueradeConfig } from "./masquerade.ts";
import { options } from "./options.ts";
import { podCidrProblem } from "./pod-cidrs.ts";
import { defaultTunnelPort } from "./routing-options.ts";

/** Addresses of this node on the underlay. */
interface NodeAddresses {
  readonly ipv4?: string;
  readonly ipv6?: string;
}

/** This node's addresses, and those it gives to pods. */
export interface LocalAddresses extends NodeAddresses {
  readonly ipam: Ipam;
  /** That pods may have. */
  readonly families: readonly Family[];
  readonly ipv4PodCidr?: string;
  readonly ipv6PodCidr?: string;
}

export function localAddresses(config: Config): LocalAddresses {
  const node = nodeAddresses(config);
  const ipv4PodCidr = config.get(options.enableIpv4) ? config.get(options.ipv4Range) : "";
  const ipv6PodCidr = config.get(options.enableIpv6) ? config.get(options.ipv6Range) : "";
  for (const [{ name }, cidr] of [
    [options.ipv4Range, ipv4PodCidr],
    [options.ipv6Range, ipv6PodCidr],
  ] as const) {
    const allowed = cidr === "" ? undefined : podCidrProblem(cidr, [node.ipv4 ?? [], node.ipv6 ?? []].flat());
    if (allowed !== undefined)
      throw new ConfigError(name, `Cannot use configuration: key "${name}" has "${cidr}" (allowed: ${allowed})`);
  }
  const pools = { ...(ipv4PodCidr !== "" && { ipv4PodCidr }), ...(ipv6PodCidr !== "" && { ipv6PodCidr }) };
  const ipam = new Ipam({
    ...(ipv4PodCidr !== "" && { ipv4Cidr: ipv4PodCidr }),
    ...(ipv6PodCidr !== "" && { ipv6Cidr: ipv6PodCidr }),
    clock: systemClock,
  });
  const enabled = [config.get(options.enableIpv4) && 4, config.get(options.enableIpv6) && 6];
  const families = enabled.filter((family): family is Family => family !== false);
  return { ...node, ...pools, ipam, families };
}

/** As configured, or found: the first address of global scope on a device that is not ours. */
function nodeAddresses(config: Config): NodeAddresses {
  const found: { ipv4?: string; ipv6?: string } = {};
  const wanted = [
    ["ipv4", options.ipv4Node, 4],
    ["ipv6", options.ipv6Node, 6],
  ] as const;
  for (const [key, option, family] of wanted) {
    const value = config.get(option);
    if (value === "auto") {
      const address = firstGlobalAddress(family);
      if (address !== undefined) found[key] = address;
    } else if (value !== "") {
      if (!isIp(value) || ipFamily(value) !== family) {
        throw new ConfigError(
          option.name,
          `Cannot use configuration: key "${option.name}" has "${value}" (allowed: an IPv${family} address, or auto)`,
        );
      }
      found[key] = parseIp(value);
    }
  }
  if (found.ipv4 === undefined && found.ipv6 === undefined) {
    throw new ConfigError(
      "ipv4-node",
      'Cannot use configuration: no device of this node has an address (give one, or set "ipv4-node" or "ipv6-node")',
    );
  }
  return found;
}

function firstGlobalAddress(family: 4 | 6): string | undefined {
  using rtnl = new Rtnetlink();
  for (const link of rtnl.links()) {
    if (!link.up || link.name === "lo" || /^(cilium_|lxc)/.test(link.name)) continue;
    const address = rtnl.addresses({ ifindex: link.ifindex, family }).find(({ scope }) => scope === "universe");
    if (address !== undefined) return address.address;
  }
  return undefined;
}

/** Folder of the compiled programs. */
export const bpfObjects = new URL("../../build/bpf", import.meta.url).pathname;

/** What the datapath needs. */
export function datapathConfig(config: Config, local: LocalAddresses): DatapathConfig {
  const [routerIpv4, routerIpv6] = [local.ipam.router(4), local.ipam.router(6)];
  const masquerade = masqueradeConfig(config);
  const flowMaps = flowMapSizes(config);
  return {
    bpfRoot: config.get(options.bpfRoot),
    machineRecord: join(config.get(options.stateDir), "machine.json"),
    objectDir: bpfObjects,
    enableIpv4: config.get(options.enableIpv4),
    enableIpv6: config.get(options.enableIpv6),
    ...(local.ipv4 !== undefined && { nodeIpv4: local.ipv4 }),
    ...(local.ipv6 !== undefined && { nodeIpv6: local.ipv6 }),
    ...(routerIpv4 !== undefined && { routerIpv4 }),
    ...(routerIpv6 !== undefined && { routerIpv6 }),
    ...(local.ipv4PodCidr !== undefined && { ipv4PodCidr: local.ipv4PodCidr }),
    ...(local.ipv6PodCidr !== undefined && { ipv6PodCidr: local.ipv6PodCidr }),
    hostFirewall: config.get(options.enableHostFirewall),
    devices: config.get(options.devices),
    ...(masquerade !== undefined && { masquerade }),
    natMax: flowMaps.nat,
    ...routingConfig(config),
    ...ipvlanMaster(config),
    mtu: config.get(options.mtu),
    ctTcpMax: flowMaps.ctTcp,
    ctAnyMax: flowMaps.ctAny,
    policyMapMax: config.get(options.policyMapMax),
    ipcacheMax: config.get(options.ipcacheMax),
    monitorAggregation: config.get(options.monitorAggregation),
    monitorInterval: Math.max(1, Math.round(config.get(options.monitorInterval) / 1000)),
    monitorEvents: {
      drop: config.get(options.eventsDrop),
      trace: config.get(options.eventsTrace),
      policyVerdict: config.get(options.eventsVerdict),
    },
  };
}

function routingConfig(config: Config) {
  const tunnelProtocol = config.get(options.tunnelProtocol);
  return {
    routingMode: config.get(options.routingMode),
    tunnelProtocol,
    tunnelPort: config.get(options.tunnelPort) || defaultTunnelPort[tunnelProtocol],
    autoDirectNodeRoutes: config.get(options.autoDirectNodeRoutes),
    directRoutingSkipUnreachable: config.get(options.directRoutingSkipUnreachable),
    endpointRoutes: config.get(options.enableEndpointRoutes),
    enableTcx: config.get(options.enableTcx),
  };
}

/** How packets of pods go on, as status says it: by the stack where they are routed. */
export function routingStatus(config: Config) {
  if (config.get(options.routingMode) === "native") {
    return { "inter-host-routing-mode": "Native", "intra-host-routing-mode": "Legacy" } as const;
  }
  const protocol = config.get(options.tunnelProtocol);
  const legacy = config.get(options.enableEndpointRoutes) || config.get(options.enableHostLegacyRouting);
  const local = legacy ? "Legacy" : "BPF";
  return {
    "inter-host-routing-mode": "Tunnel",
    "intra-host-routing-mode": local,
    "tunnel-protocol": protocol,
  } as const;
}

/** Router addresses and pod prefixes, as the CNI plugin and `endpoint get` see them. */
export function hostAddressing(config: Config, local: LocalAddresses): NodeAddressing {
  const family = (number: 4 | 6, enabled: boolean, range: string | undefined) => {
    const ip = local.ipam.router(number);
    return { enabled, ...(ip !== undefined && { ip }), ...(range !== undefined && { "alloc-range": range }) };
  };
  return {
    ipv4: family(4, config.get(options.enableIpv4), local.ipv4PodCidr),
    ipv6: family(6, config.get(options.enableIpv6), local.ipv6PodCidr),
  };
}

/** Which labels of a pod make its identity. */
export function podLabelConfig(config: Config): PodLabelConfig {
  const labels = config.get(options.labels);
  const filter = labels.length === 0 ? defaultLabelFilter : parseLabelFilter(labels.join(" "));
  return { cluster: config.get(options.clusterName), filter };
}

/** Whether the host side of an endpoint's veth pair is there, or its ipvlan slave. */
export function deviceExists(device: DeviceOfEndpoint): boolean {
  const { interfaceName, ifindex, netnsPath, containerInterfaceName, traits } = device;
  if (traits?.ipvlan === true) return slaveMaster({ netnsPath, interfaceName: containerInterfaceName }) === ifindex;
  using rtnl = new Rtnetlink();
  return rtnl.link(interfaceName)?.ifindex === ifindex;
}

/** Paths under the state folder. */
export function statePaths(config: Config) {
  const stateDir = config.get(options.stateDir);
  const socket = config.get(options.socketPath) || join(stateDir, "cilium.sock");
  const monitor = monitorSocketPath(socket);
  const health = healthSocketPath(socket);
  const shell = config.get(options.shellSocketPath) || shellSocketPath(socket);
  return {
    ...{ stateDir, socket, monitor, health, shell },
    endpoints: join(stateDir, "state"),
    policies: join(stateDir, "policy"),
    manifests: join(stateDir, "manifests"),
    healthNetns: join(stateDir, "netns", "cilium-health"),
  };
}

/** Which addresses of nodes are probed. `self`: `cluster/name` of this node. */
export function healthConfig(config: Config, self: string): HealthConfig {
  return {
    self,
    enableIpv4: config.get(options.enableIpv4),
    enableIpv6: config.get(options.enableIpv6),
    endpoints: config.get(options.enableEndpointHealthChecking),
    port: config.get(options.clusterHealthPort),
  };
}
