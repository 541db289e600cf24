// SPDX-License-Identifier: Apache-2.0
// Rows and operations of the typed map wrappers. Addresses are canonical strings, ports are in host order.
import type { MonitorAggregation, MonitorEvents, OwnMonitor } from "../types.ts";
import type { IpmasqMap, MasqueradeDevicesMap, NatMap, NatRetriesMap } from "./nat-types.ts";

export type Direction = "ingress" | "egress";

/** cilium_lxc: who owns an address of this node. */
export interface LxcRow {
  readonly address: string;
  /** 0 when `host`. */
  readonly endpointId: number;
  /** An address of the node itself. */
  readonly host: boolean;
}

/** cilium_endpoints: what the programs know of an endpoint. */
export interface EndpointConfigRow {
  readonly id: number;
  readonly mac: string;
  readonly nodeMac: string;
  /** Of the host side. */
  readonly ifindex: number;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly identity: number;
  /** Policy sets, 0 when the direction is not enforced. */
  readonly ingressSet: number;
  readonly egressSet: number;
  /** Move it whenever an allowed flow may have become a denied one, or back. */
  readonly policyRevision: number;
  readonly enforceIngress: boolean;
  readonly enforceEgress: boolean;
  readonly audit: boolean;
  /** False: every packet is dropped with "Endpoint policy program not available". */
  readonly ready: boolean;
  /** ARP and neighbour discovery are between the pod and what its device leads to. */
  readonly neighborsPass?: boolean;
  /** The stack routes its packets, and the qdiscs of its device see them. */
  readonly byStack?: boolean;
  /** Its device is an ipvlan slave; `ifindex` is the master's. */
  readonly ipvlan?: boolean;
  /** Of the bridge that the host side is a port of; 0: of none. */
  readonly parentIfindex?: number;
  /** What is reported of it otherwise than of the rest of the node. */
  readonly monitor?: OwnMonitor;
  /** May send from addresses that are not its own. */
  readonly anySource?: true;
  /** A set is losing something, and the revision has not moved yet. */
  readonly changing?: true;
}

/** cilium_ipcache_v2 and cilium_ipcache_exact. */
export interface IpcacheMapRow {
  /** Canonical prefix; a whole address is /32 or /128. */
  readonly prefix: string;
  readonly clusterId?: number;
  readonly identity: number;
  readonly tunnelEndpoint?: string;
  readonly encryptKey: number;
  readonly skipTunnel: boolean;
  readonly remoteCluster: boolean;
}

/** Names an entry of the ipcache. */
export type IpcacheMapKey = Pick<IpcacheMapRow, "prefix" | "clusterId">;

/** cilium_node_map_v2: underlay addresses from which tunnel packets are taken. */
export interface NodeMapRow {
  readonly address: string;
  readonly nodeId: number;
  readonly spi: number;
}

export type PolicyMapVerdict = "allow" | "deny" | "audit";

/** What would be with the staged policies in force too. */
export interface StagedVerdict {
  readonly verdict: "allow" | "deny" | "default-deny";
  /** Names the rule; 0: none. */
  readonly cookie: number;
}

/** What a policy entry matches. */
export interface PolicyMapKey {
  /** 0: any. */
  readonly identity: number;
  readonly direction: Direction;
  /** IP protocol number; 0: any (then `portPrefix` must be 0). */
  readonly protocol: number;
  /** Host order; for ICMP the type. */
  readonly port: number;
  /** How many leading bits of `port` count: 0 any port, 16 exactly `port`. */
  readonly portPrefix: number;
}

export interface PolicyMapEntry extends PolicyMapKey {
  readonly verdict: PolicyMapVerdict;
  /** Names the rule; 0: none. */
  readonly cookie: number;
  /** 0: no proxy. */
  readonly proxyPort: number;
  readonly authType: number;
  /**
   * Stands for no rule at all: with `deny` the default deny, with `audit` that of audited policies alone, with `allow` a
   * direction that only staged policies would enforce.
   */
  readonly isDefault?: true;
  /** Absent: no staged policy selects the endpoint in this direction. */
  readonly staged?: StagedVerdict;
}

/** An entry with the set that holds it. */
export interface PolicyMapRow extends PolicyMapEntry {
  readonly set: number;
}

/** An entry without the peer that it is about. */
export interface PolicyMapPort extends Omit<PolicyMapEntry, "identity" | "direction"> {
  /** In the list of a named peer: it is about anybody. */
  readonly anybody?: true;
}

/** What a policy says about a peer; the narrowest entry decides. Immutable. */
export interface PortList {
  /** Each key once, sorted. */
  readonly entries: readonly PolicyMapPort[];
  /** Equal for equal entries, different for others. */
  readonly text: string;
}

/** Lists by peer: an identity, or 0 for anybody. What a peer's list leaves open, anybody's decides. */
export type PolicyPeers = ReadonlyMap<number, PortList>;

/** How full a map is. */
export interface MapUsage {
  readonly map: string;
  readonly entries: number;
  readonly capacity: number;
}

/** One conntrack entry, seen from the local endpoint. */
export interface ConntrackRow {
  readonly family: 4 | 6;
  /** Which map holds it. */
  readonly table: "tcp" | "any";
  readonly protocol: number;
  readonly local: string;
  readonly localPort: number;
  readonly remote: string;
  readonly remotePort: number;
  /** Who opened it: ingress means the remote side. */
  readonly direction: Direction;
  readonly txPackets: bigint;
  readonly txBytes: bigint;
  readonly rxPackets: bigint;
  readonly rxBytes: bigint;
  /** Seconds of CLOCK_MONOTONIC, as `lastTxReport` and `lastRxReport`. */
  readonly expires: number;
  readonly lastTxReport: number;
  readonly lastRxReport: number;
  readonly peerIdentity: number;
  readonly policyRevision: number;
  readonly ipcacheRevision: number;
  readonly cookie: number;
  /** Bits of `enum ct_flags`. */
  readonly flags: number;
  readonly flagNames: readonly string[];
  readonly revNatIndex: number;
  readonly txFlagsSeen: number;
  readonly rxFlagsSeen: number;
  readonly route: "unknown" | "local" | "tunnel" | "stack";
  readonly peerEndpoint: number;
  readonly tunnelEndpoint?: string;
  readonly proxyPort: number;
  readonly backendId: number;
  /** The local port outside of the node; 0: it is not masqueraded. */
  readonly natPort: number;
}

/** cilium_ipv4_frag_datagrams and cilium_ipv6_frag_datagrams: a datagram whose first fragment was seen. */
export interface FragmentRow {
  readonly family: 4 | 6;
  /** Of the datagram. */
  readonly id: number;
  readonly protocol: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

/** cilium_metrics and cilium_forwarded, summed over the CPUs. */
export interface MetricsRow {
  /** 0 forwarded, else a drop reason. */
  readonly reason: number;
  readonly direction: "unknown" | "ingress" | "egress" | "service";
  readonly line: number;
  readonly file: number;
  readonly packets: bigint;
  readonly bytes: bigint;
}

/** cilium_policystats: how often a rule decided; a flow asks when it is new, and when its answer may have changed. */
export interface PolicyHitsRow {
  /** Names the rule; 0: none, which is default deny. */
  readonly cookie: number;
  readonly allowed: bigint;
  readonly denied: bigint;
  /** Would have been denied. */
  readonly audited: bigint;
  /** As a staged rule. */
  readonly stagedAllowed: bigint;
  readonly stagedDenied: bigint;
}

/** cilium_runtime_config, decoded. */
export interface RuntimeConfigRow {
  readonly utimeOffset: bigint;
  readonly agentLiveness: bigint;
  readonly ipcacheRevision: bigint;
  readonly monitorAggregation: MonitorAggregation;
  readonly monitorInterval: number;
  readonly monitorEvents: MonitorEvents;
}

/** A map of rows. All writes are batched; a full map or a bad row throws and names the row. */
export interface RowMap<Row, Key> {
  upsertMany(rows: readonly Row[]): void;
  /** Missing keys are no error. Returns how many were there. */
  deleteMany(keys: readonly Key[]): number;
  list(): Row[];
}

export type LxcMap = RowMap<LxcRow, Pick<LxcRow, "address">>;

/** An array: deleting clears the slot, listing gives the used ones. */
export interface EndpointsMap extends RowMap<EndpointConfigRow, Pick<EndpointConfigRow, "id">> {
  get(id: number): EndpointConfigRow | undefined;
  /** Sets `changing` in the slots of these that are used. */
  markChanging(ids: Iterable<number>): void;
}

export interface IpcacheMap extends RowMap<IpcacheMapRow, IpcacheMapKey> {
  /** The entry of exactly this prefix. */
  get(key: IpcacheMapKey): IpcacheMapRow | undefined;
  /** The entry that the programs would use for this address. */
  lookup(address: string): IpcacheMapRow | undefined;
  /** How full the maps are with these prefixes in them. */
  usage(prefixes: Iterable<string>): readonly MapUsage[];
}

export type NodesMap = RowMap<NodeMapRow, Pick<NodeMapRow, "address">>;

/** One writer at a time. Peers and lists that programs may still be reading stay for a while: see `collect`. */
export interface PolicyMap {
  /** Makes the set hold exactly these peers, as `changeSet` does. */
  writePeers(set: number, direction: Direction, peers: PolicyPeers): void;
  /**
   * Gives some peers other lists; undefined: none. The set may be in use: each packet meets what the set said before
   * about its peer or what it says now, and nothing else. When a map is full it throws, and the set is as it was.
   */
  changePeers(set: number, direction: Direction, changes: ReadonlyMap<number, PortList | undefined>): void;
  /** As `writePeers`, from plain entries of one direction. */
  writeSet(set: number, entries: readonly PolicyMapEntry[]): void;
  /** What the set says now. Do not keep it: it changes. */
  peers(set: number): PolicyPeers;
  /** Removes the set. Nothing names it any more, but a program may be reading it. */
  retireSet(set: number): void;
  /** Frees what was retired before the last call: call it every second or so while it returns true. */
  collect(): boolean;
  /** Removes a set that no program reads, at once. Returns how many entries it had. */
  deleteSet(set: number): number;
  /** Entries of one set, or of all. */
  list(set?: number): PolicyMapRow[];
  /** Ids of all sets with entries, rising. */
  sets(): number[];
  /** Undefined for a set without entries. */
  direction(set: number): Direction | undefined;
  usage(): readonly MapUsage[];
}

/** cilium_identities: identities of pods that the policy sets know. What they do not know has a drop reason of its own. */
export interface IdentitiesMap extends Omit<RowMap<number, number>, "list"> {
  /** In no order. */
  list(): number[];
  /** Whether all are in; while they are not, none counts as unknown. */
  setComplete(complete: boolean): void;
}

export interface SweepResult {
  readonly scanned: number;
  readonly deleted: number;
  /** Milliseconds. */
  readonly duration: number;
}

export interface ConntrackMap {
  /** Snapshot of all four maps (or of one family); entries that come and go meanwhile may be missing. */
  list(family?: 4 | 6): ConntrackRow[];
  /** Deletes everything; tells how many entries each map had. */
  flush(): readonly { readonly map: string; readonly deleted: number }[];
  /** Deletes expired entries batch by batch, giving the event loop a turn between batches. */
  sweepExpired(signal?: AbortSignal): Promise<SweepResult>;
  /** How full each map was when it was last swept; none before. */
  usage(): readonly MapUsage[];
  /** Deletes entries that the predicate accepts, for example those of a removed endpoint. */
  deleteWhere(predicate: (row: ConntrackRow) => boolean): number;
}

/** Written by the programs alone. */
export interface FragmentsMap {
  list(): FragmentRow[];
}

export interface MetricsMap {
  list(): MetricsRow[];
  /** Begins counting anew. */
  clear(): void;
}

export interface PolicyHitsMap {
  /** Rules that decided at least once. */
  list(): PolicyHitsRow[];
}

export interface RuntimeConfigMap {
  get(): RuntimeConfigRow;
  /** Tells the programs that a known address may have changed identity or place. Returns the new revision. */
  bumpIpcacheRevision(): bigint;
  setMonitorAggregation(level: MonitorAggregation): void;
  setMonitorInterval(seconds: number): void;
  setEvents(events: MonitorEvents): void;
  /** What endpoints of the node decide themselves: the programs look for it only where somebody wants more than the node. */
  setOwnMonitors(own: Iterable<OwnMonitor>): void;
  /** Events that found no room in the ring buffer since the maps were made. */
  lostEvents(): number;
  /** Nanoseconds of CLOCK_MONOTONIC; says that an agent is alive. */
  setAgentLiveness(nanoseconds: bigint): void;
}

/** Ways to other nodes, through a tunnel over IPv4. */
export interface UnderlayMap {
  /** Addresses of nodes that programs sent something to after that second of CLOCK_MONOTONIC. */
  sentToSince(second: number): ReadonlySet<string>;
}

/** Every map of the datapath. Owns their file descriptors when it comes from `openPinnedMaps`. */
export interface DatapathMaps {
  readonly lxc: LxcMap;
  readonly endpoints: EndpointsMap;
  readonly ipcache: IpcacheMap;
  readonly nodes: NodesMap;
  readonly policy: PolicyMap;
  readonly identities: IdentitiesMap;
  readonly conntrack: ConntrackMap;
  /** These four are there with masquerading or the host firewall only. */
  readonly nat: NatMap;
  readonly natRetries: NatRetriesMap;
  readonly ipmasq: IpmasqMap;
  readonly masqueradeDevices: MasqueradeDevicesMap;
  readonly policyHits: PolicyHitsMap;
  readonly metrics: MetricsMap;
  readonly underlay: UnderlayMap;
  readonly runtimeConfig: RuntimeConfigMap;
}

/** What `openPinnedMaps` gives: clients open pins without the agent. */
export interface OpenedMaps extends DatapathMaps, Disposable {
  readonly fragments: FragmentsMap;
}
