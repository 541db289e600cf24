// SPDX-License-Identifier: Apache-2.0
// What holds for the whole node: load-time constants of the programs and sizes of the maps. Pure.
import { ipToBytes } from "../../core/index.ts";
import { tunnelOf } from "../devices/names.ts";
import { mapNames } from "../maps/names.ts";
import type { ConntrackTimeouts, DatapathConfig } from "../types.ts";

/** Cilium's defaults, in seconds. */
const defaultConntrackTimeouts: ConntrackTimeouts = { tcp: 8000, tcpSyn: 60, tcpFin: 10, any: 60 };

const WORLD = 2;
const WORLD_IPV4 = 9;
const WORLD_IPV6 = 10;

type ValueConfig = Pick<DatapathConfig, "enableIpv4" | "enableIpv6" | "ctTimeouts" | "nodeIpv4"> &
  Partial<
    Pick<
      DatapathConfig,
      "tunnelPort" | "hostFirewall" | "masquerade" | "routingMode" | "tunnelProtocol" | "endpointRoutes"
    >
  >;

/** Devices that programs are made for: with others they have to be loaded again. */
export interface ProgramPlaces {
  /** 0: there is no tunnel. */
  readonly tunnelIfindex: number;
  /** Where ipvlan pods are: their master, and the device by which what they send enters the stack. */
  readonly ipvlan?: { readonly masterIfindex: number; readonly stackIfindex: number; readonly stackMac: string };
}

/** Variables of bpf/lib/config.h. */
export function nodeConstants(
  config: ValueConfig,
  { tunnelIfindex, ipvlan }: ProgramPlaces,
): Readonly<Record<string, number>> {
  const timeouts = { ...defaultConntrackTimeouts, ...config.ctTimeouts };
  const dualStack = config.enableIpv4 && config.enableIpv6;
  return {
    enable_ipv4: config.enableIpv4 ? 1 : 0,
    enable_ipv6: config.enableIpv6 ? 1 : 0,
    tunnel_ifindex: tunnelIfindex,
    tunnel_port: config.tunnelPort ?? 0,
    tunnel_is_geneve: tunnelOf(config) === "geneve" ? 1 : 0,
    enable_endpoint_routes: config.endpointRoutes === true ? 1 : 0,
    ipvlan_ifindex: ipvlan?.masterIfindex ?? 0,
    ipvlan_stack_ifindex: ipvlan?.stackIfindex ?? 0,
    ipvlan_stack_mac: ipvlan === undefined ? 0 : Number.parseInt(ipvlan.stackMac.replaceAll(":", ""), 16),
    tunnel_ipv4: config.nodeIpv4 === undefined ? 0 : inNetworkOrder(config.nodeIpv4),
    enable_host_firewall: config.hostFirewall === true ? 1 : 0,
    enable_ipv4_masquerade: config.masquerade?.ipv4 === true ? 1 : 0,
    enable_ipv6_masquerade: config.masquerade?.ipv6 === true ? 1 : 0,
    enable_host_routing: config.masquerade?.hostRouting === true ? 1 : 0,
    world_ipv4_identity: dualStack ? WORLD_IPV4 : WORLD,
    world_ipv6_identity: dualStack ? WORLD_IPV6 : WORLD,
    ct_tcp_timeout: timeouts.tcp,
    ct_syn_timeout: timeouts.tcpSyn,
    ct_fin_timeout: timeouts.tcpFin,
    ct_any_timeout: timeouts.any,
  };
}

/** An IPv4 address as a variable whose bytes are the packet's. */
function inNetworkOrder(address: string): number {
  return new DataView(ipToBytes(address).buffer).getUint32(0, true);
}

type SizeConfig = Pick<DatapathConfig, "ctTcpMax" | "ctAnyMax" | "natMax" | "policyMapMax" | "ipcacheMax"> &
  Partial<Pick<DatapathConfig, "masquerade">>;

/** Cilium's default. */
const defaultNatMax = 524_288;
/** Of a family that is not masqueraded: pods' programs name the map, and never ask it. */
const UNUSED_NAT_MAX = 1024;

/** Entries of the maps whose size is configured. */
export function mapSizes(config: SizeConfig): Readonly<Record<string, number>> {
  const natMax = (used: boolean | undefined) => (used === true ? (config.natMax ?? defaultNatMax) : UNUSED_NAT_MAX);
  return {
    [mapNames.ct4Tcp]: config.ctTcpMax,
    [mapNames.ct6Tcp]: config.ctTcpMax,
    [mapNames.ct4Any]: config.ctAnyMax,
    [mapNames.ct6Any]: config.ctAnyMax,
    [mapNames.nat4]: natMax(config.masquerade?.ipv4),
    [mapNames.nat6]: natMax(config.masquerade?.ipv6),
    [mapNames.policyPeers]: config.policyMapMax,
    [mapNames.policyPorts]: config.policyMapMax,
    [mapNames.ipcache]: config.ipcacheMax,
    [mapNames.ipcacheExact]: config.ipcacheMax,
  };
}
