// SPDX-License-Identifier: Apache-2.0
// What the datapath is asked for and what it gives back; no kernel types cross this border.
import type { EventReader, EventReaderOptions } from "./events/types.ts";
import type { DatapathMaps } from "./maps/types.ts";
import type { MasqueradeState } from "./masquerade/masquerade.ts";
import type { SweepTotals } from "./sweep.ts";

/** How much the kernel aggregates trace events before it reports them. */
export type MonitorAggregation = "none" | "low" | "medium" | "maximum";

/** Which event kinds the programs report. Drops cost nothing until something is dropped. */
export interface MonitorEvents {
  readonly drop: boolean;
  readonly trace: boolean;
  readonly policyVerdict: boolean;
}

/** What an endpoint decides itself of what is reported of it; the rest is as the node's options say. */
export interface OwnMonitor extends Partial<MonitorEvents> {
  readonly aggregation?: MonitorAggregation;
}

/** Conntrack life times in seconds; the defaults are Cilium's. */
export interface ConntrackTimeouts {
  readonly tcp: number;
  readonly tcpSyn: number;
  readonly tcpFin: number;
  readonly any: number;
}

/** Which packets are masqueraded; excluded prefixes are given with `setMasqueradeExclusions`. */
export interface MasqueradeConfig {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  /** Only at these of the devices that lead out (`eth+`: all that begin so); none: at all. */
  readonly devices?: readonly string[];
  /** Pods' packets to the outside go past the stack, and with it past netfilter. Default false. */
  readonly hostRouting?: boolean;
}

export interface DatapathConfig {
  /** bpffs mount, for example `/sys/fs/bpf`; mounted by `start()` when it is not. */
  readonly bpfRoot: string;
  /** File that keeps what the machine was like before, for `destroy()`; none: sysctls and the mount stay then. */
  readonly machineRecord?: string;
  /** Folder with container.o, entry.o, host.o, overlay.o, underlay.o. */
  readonly objectDir: string;
  readonly enableIpv4: boolean;
  readonly enableIpv6: boolean;
  /** Underlay addresses of this node. The tunnel uses IPv4 when there is one. */
  readonly nodeIpv4?: string;
  readonly nodeIpv6?: string;
  /** Addresses of `cilium_host`, the pods' gateway. */
  readonly routerIpv4?: string;
  readonly routerIpv6?: string;
  readonly ipv4PodCidr?: string;
  readonly ipv6PodCidr?: string;
  /** Whether what the host itself sends and gets is judged by the policy in its slot. Default false. */
  readonly hostFirewall?: boolean;
  /** Gives what pods send to the outside the address of the device that it leaves by; absent: it keeps the pod's. */
  readonly masquerade?: MasqueradeConfig;
  /** Names of the devices that lead out (`eth+`: all that begin so); none: those with a node address or default route. */
  readonly devices?: readonly string[];
  /** Programs are tcx links where the kernel has those; false: clsact filters everywhere. Default true. */
  readonly enableTcx?: boolean;
  /** How packets reach pods of other nodes: through a tunnel, or by the network's routes as they are. Default tunnel. */
  readonly routingMode?: "tunnel" | "native";
  /** Default vxlan. */
  readonly tunnelProtocol?: "vxlan" | "geneve";
  /** UDP port of the tunnel: 8472 for vxlan, 6081 for geneve. */
  readonly tunnelPort: number;
  /** With native routing: routes to the pod CIDRs of nodes on the same segment are kept. Default false. */
  readonly autoDirectNodeRoutes?: boolean;
  /** Nodes that are not on the same segment are left to the network's routes; otherwise each is an error. */
  readonly directRoutingSkipUnreachable?: boolean;
  /** Each endpoint has a route to its own device, instead of one to cilium_host for all. Default false. */
  readonly endpointRoutes?: boolean;
  /** Device whose ipvlan slaves are pods' devices; none: there are no such pods. */
  readonly ipvlanMaster?: string;
  /** Device MTU in bytes; 0 takes it from the device that holds the node address. */
  readonly mtu: number;
  readonly ctTcpMax: number;
  readonly ctAnyMax: number;
  /** Entries of the maps of masqueraded flows: one a flow that conntrack knows, two a flow that it does not. */
  readonly natMax?: number;
  readonly policyMapMax: number;
  readonly ipcacheMax: number;
  readonly ctTimeouts?: Partial<ConntrackTimeouts>;
  readonly monitorAggregation: MonitorAggregation;
  /** Seconds between two reports of one busy flow. */
  readonly monitorInterval: number;
  /** Default: everything. */
  readonly monitorEvents?: MonitorEvents;
  /** Seconds between two conntrack sweeps; 0 leaves sweeping to the caller. Default 60. */
  readonly ctSweepInterval?: number;
}

/**
 * MTUs in bytes. `device` for cilium_host and pods' devices, `route` for routes that may lead into the tunnel; the same
 * without one.
 */
export interface MtuInfo {
  readonly device: number;
  readonly route: number;
}

/** A local pod's host-side device. */
export interface EndpointDevice {
  readonly id: number;
  readonly ifindex: number;
  /** Name of the host side, `lxc…`, for messages. */
  readonly hostDevice: string;
  /** Of an ipvlan slave, which has no host side: where it is, and what it may send from. */
  readonly slave?: {
    readonly netnsPath: string;
    readonly interfaceName: string;
    readonly addresses: readonly string[];
  };
  /** For a route of its own (`endpointRoutes`): the pod's MAC and IP addresses. None: others route to it. */
  readonly routed?: { readonly mac: string; readonly addresses: readonly string[] };
}

/** Another node, as far as routes are concerned. */
export interface RemoteNode {
  readonly name: string;
  /** Addresses on the underlay. */
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly ipv4PodCidr?: string;
  readonly ipv6PodCidr?: string;
  /** What was found to pass on the way to its pods, where that is less than `MtuInfo.route`. */
  readonly routeMtu?: number;
}

/** State of one thing that the datapath keeps in the kernel (a device, route, sysctl, map or program link). */
export interface DatapathObjectRow {
  readonly kind: "device" | "address" | "route" | "sysctl" | "map" | "link";
  readonly name: string;
  readonly state: "pending" | "done" | "error";
  /** Milliseconds since the epoch of the last change of state. */
  readonly since: number;
  /** How often it had to be put right after it was done once. */
  readonly repairs: number;
  /** How many passes failed since it was in place. */
  readonly failures: number;
  /** When it was seen in place, and when it could not be brought there; ms since the epoch. Absent: never. */
  readonly doneAt?: number;
  readonly failedAt?: number;
  readonly error?: string;
}

/** The datapath of one node (one network namespace, the one of the calling process). */
export interface Datapath {
  /** Typed maps; usable after `start()`. */
  readonly maps: DatapathMaps;
  /** Known after `start()`. */
  readonly mtu: MtuInfo;
  /** How programs are on devices: tcx links, or clsact filters ("tc") on kernels before 6.6. */
  readonly attachMode: "tcx" | "tc";
  /**
   * Brings everything up, or takes over what an earlier run left: mounts, sysctls, devices, maps, programs, links,
   * routes. Idempotent. Throws `DatapathError` (one line, with what to do) and leaves running programs in place.
   */
  start(): Promise<void>;
  /** Ends watching and repairing; programs, links, maps, devices and routes stay. */
  stop(): Promise<void>;
  /** Removes links, pins, devices and routes, as well as those of an earlier run. Callable without `start()`. */
  destroy(): Promise<void>;
  /** Links the entry programs of an endpoint to both hooks of its host device, or replaces them without a gap. */
  attachEndpoint(endpoint: EndpointDevice): Promise<void>;
  /** Removes the endpoint's filters, links and pins; no error when there are none. */
  detachEndpoint(id: number): Promise<void>;
  /**
   * Cheap check (no load): true when the programs are in place on that device, else attaches and returns false. A device
   * without links gets filters, which wait for nothing in the kernel; they become links when no pod comes or goes.
   */
  ensureEndpointAttached(endpoint: EndpointDevice): Promise<boolean>;
  /** Ids of the endpoints that will come next: their programs are loaded while nobody waits. */
  expectEndpoints(ids: readonly number[]): void;
  /** Ids of endpoints with links or filters, also of an earlier run. */
  attachedEndpoints(): readonly number[];
  /** Replaces the wanted set of remote nodes; their pod CIDR routes are written, changed and pruned at once. */
  setRemoteNodes(nodes: readonly RemoteNode[]): Promise<void>;
  /** A reader of the event ring buffer; there may be one running at a time on a node. */
  createEventReader(options?: EventReaderOptions): EventReader;
  /** What was swept out of maps of flows. */
  sweeps(): readonly SweepTotals[];
  /** What the datapath keeps in the kernel, for status. */
  status(): readonly DatapathObjectRow[];
  /**
   * Destinations that see pods' own addresses, prefixes of both families. Before the first call nothing is masqueraded but
   * what an earlier run said.
   */
  setMasqueradeExclusions(prefixes: readonly string[]): void;
  /** What masquerading does now; nothing while it is off. */
  masquerading(): MasqueradeState;
  /** Devices that the host firewall is on; none while it is off. */
  hostFirewallDevices(): readonly string[];
}
