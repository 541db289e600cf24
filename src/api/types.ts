// SPDX-License-Identifier: Apache-2.0
// What the API server needs from the agent. All methods may throw ApiError; anything else becomes a 500.
import type {
  BPFMap,
  BPFMapList,
  CgroupDumpMetadata,
  ClusterNodeStatus,
  DaemonConfiguration,
  DaemonConfigurationSpec,
  DebugInfo,
  DropExplanation,
  DropQuery,
  Endpoint,
  EndpointChangeRequest,
  EndpointConfigurationSpec,
  EndpointConfigurationStatus,
  EndpointHealth,
  EndpointStatusChange,
  HealthStatusResponse,
  Identity,
  IdentityEndpoints,
  IPAMResponse,
  IPListEntry,
  KernelFeatures,
  LabelConfiguration,
  LabelConfigurationSpec,
  MapEvent,
  Metric,
  NodeID,
  Policy,
  PolicyReferences,
  PolicyRuleCookie,
  PolicyRuleHits,
  SelectorIdentityMapping,
  StatedbChange,
  StatedbQuery,
  StatedbRow,
  StatusResponse,
  VersionInfo,
} from "./models.ts";

type Awaitable<T> = T | Promise<T>;

/** How an endpoint was named in a URL; see `parseEndpointId`. */
export type EndpointRef =
  | { readonly kind: "cilium-local"; readonly id: number }
  | { readonly kind: "cni-attachment-id"; readonly containerId: string; readonly interfaceName: string }
  | { readonly kind: "container-id" | "container-name"; readonly value: string }
  | { readonly kind: "pod-name" | "cep-name"; readonly namespace: string; readonly name: string }
  | { readonly kind: "ipv4" | "ipv6"; readonly address: string };

/** Which addresses POST /ipam wants. */
export interface IpamRequest {
  /** Both that are enabled when absent. */
  readonly family?: "ipv4" | "ipv6";
  /** "namespace/pod". */
  readonly owner: string;
  readonly pool: string;
  /** Give the address back by itself unless an endpoint uses it in time. */
  readonly expiration: boolean;
}

/** How DELETE ended: how many objects went, and what could not be removed. */
export interface DeleteResult {
  readonly deleted: number;
  readonly errors: readonly string[];
}

/** A record of the monitor's stream. */
export interface MonitorRecord {
  /** Raw event: header, body, packet bytes. Empty for lost. */
  readonly data: Uint8Array;
  readonly cpu: number;
  /** Events lost in front of this record. */
  readonly lost: number;
  /** 9 sample, 2 lost. */
  readonly type: number;
}

/** The prefilter's calls. `revision` 0 is any; a bad prefix is ApiError 461, another failure 500. */
export interface PrefilterApi {
  revision(): number;
  denied(): readonly string[];
  update(revision: number, deny: readonly string[]): void;
  delete(revision: number, deny: readonly string[]): void;
}

export interface MapEventOptions {
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** What probing the nodes found, and doing it now. */
export interface ClusterHealthApi {
  status(): HealthStatusResponse;
  /** Resolves when everybody answered or had their time. */
  probe(): Promise<HealthStatusResponse>;
}

export type StatedbRows = readonly StatedbRow[];

/** A table of the agent. */
export interface StatedbTable {
  readonly name: string;
  /** How many rows there are. */
  readonly objects: number;
  /** Grows with each change of a row. */
  readonly revision: number;
  /** By what rows may be asked for; the first is the primary key. */
  readonly indexes: readonly string[];
  readonly columns: readonly string[];
  /** Sources that have not delivered their first full set. */
  readonly initializers: readonly string[];
}

/** The agent's tables. Undefined: there is no such table. */
export interface StatedbApi {
  tables(): readonly StatedbTable[];
  rows(table: string): StatedbRows | undefined;
  /** 400 for an index that the table does not have. */
  query(query: StatedbQuery): StatedbRows | undefined;
  /** All rows, then changes, merged while the reader is slow; ends quietly when the signal aborts. */
  changes(table: string, signal: AbortSignal): AsyncIterable<StatedbChange> | undefined;
}

/** The agent as the REST server sees it. */
export interface AgentApi {
  version(): VersionInfo;
  healthz(options: { readonly brief: boolean; readonly requireK8s: boolean }): Awaitable<StatusResponse>;

  getConfig(): Awaitable<DaemonConfiguration>;
  /** 400 for unknown options or values. */
  patchConfig(spec: DaemonConfigurationSpec): Awaitable<DaemonConfiguration>;

  /** With labels: endpoints that have all of them. */
  listEndpoints(labels: readonly string[]): Awaitable<readonly Endpoint[]>;
  /** undefined: 404. */
  getEndpoint(ref: EndpointRef): Awaitable<Endpoint | undefined>;
  /** id 0: the agent chooses. 409 when there is one for that address or attachment; resolves after the build when synchronous. */
  putEndpoint(id: number, request: EndpointChangeRequest): Awaitable<Endpoint>;
  patchEndpoint(ref: EndpointRef, request: EndpointChangeRequest): Awaitable<Endpoint>;
  /** undefined: 404. */
  deleteEndpoint(ref: EndpointRef): Awaitable<DeleteResult | undefined>;
  /** All endpoints of a container; deleted 0: 404. */
  deleteEndpoints(selection: { readonly containerId: string }): Awaitable<DeleteResult>;
  endpointHealth(ref: EndpointRef): Awaitable<EndpointHealth | undefined>;
  endpointConfig(ref: EndpointRef): Awaitable<EndpointConfigurationStatus | undefined>;
  /** 400 for unknown options and values. */
  patchEndpointConfig(
    ref: EndpointRef,
    spec: EndpointConfigurationSpec,
  ): Awaitable<EndpointConfigurationStatus | undefined>;
  endpointLog(ref: EndpointRef): Awaitable<readonly EndpointStatusChange[] | undefined>;
  endpointLabels(ref: EndpointRef): Awaitable<LabelConfiguration | undefined>;
  /** 400 for labels that nobody may give, or where the orchestrator says all of them. */
  patchEndpointLabels(ref: EndpointRef, spec: LabelConfigurationSpec): Awaitable<LabelConfiguration | undefined>;

  /** With labels: identities that have all of them. */
  listIdentities(labels: readonly string[]): Awaitable<readonly Identity[]>;
  getIdentity(id: number): Awaitable<Identity | undefined>;
  identityEndpoints(): Awaitable<readonly IdentityEndpoints[]>;
  listIps(filter: { readonly cidr?: string; readonly labels: readonly string[] }): Awaitable<readonly IPListEntry[]>;
  /** `client` 0, or one that is not known (any more): all nodes. Else what changed since its last call. */
  nodes(client: number): Awaitable<ClusterNodeStatus>;
  nodeIds(): Awaitable<readonly NodeID[]>;

  getPolicy(): Awaitable<Policy>;
  /** `resources`: manifests or bare rules as the user gave them. 400 names what is wrong; nothing is changed then. */
  putPolicy(resources: readonly unknown[]): Awaitable<Policy>;
  /** Of the policies that came by PUT; `name` is "namespace/name" or "name", absent means all. 404 when there is none. */
  deletePolicy(selection: { readonly name?: string }): Awaitable<Policy>;
  policySelectors(): Awaitable<readonly SelectorIdentityMapping[]>;
  /** Of those whom policies are about. */
  policySubjectSelectors(): Awaitable<readonly SelectorIdentityMapping[]>;
  /** What policies may refer to by name or label. */
  policyReferences(): Awaitable<PolicyReferences>;
  policyRules(): Awaitable<readonly PolicyRuleCookie[]>;
  policyHits(): Awaitable<readonly PolicyRuleHits[]>;
  explainDrop(query: DropQuery): Awaitable<DropExplanation>;

  /** Absent when nodes are not probed. */
  readonly clusterHealth?: ClusterHealthApi;

  /** Absent when it is off. */
  readonly prefilter?: PrefilterApi;

  /** 502 when the pool is empty, or its family is off. */
  ipamAllocate(request: IpamRequest): Awaitable<IPAMResponse>;
  /** 409 when taken, 400 when not of the pool or there is no such pool, 501 when its family is off. */
  ipamAllocateAddress(address: string, owner: string, pool: string): Awaitable<void>;
  /** 404 when not allocated, 400 when an endpoint uses it or there is no such pool, 501 when its family is off. */
  ipamRelease(address: string, pool: string): Awaitable<void>;

  mapList(): Awaitable<BPFMapList>;
  /** undefined: 404. */
  map(name: string): Awaitable<BPFMap | undefined>;
  /** The newest changes, oldest first, and with `follow` those to come until the signal aborts. undefined: 404. */
  mapEvents(name: string, options: MapEventOptions): AsyncIterable<MapEvent> | undefined;

  metrics(): Awaitable<readonly Metric[]>;
  /** Prometheus text. */
  metricsText(): Awaitable<string>;
  debugInfo(): Awaitable<DebugInfo>;
  cgroups(): Awaitable<CgroupDumpMetadata>;
  features(): Awaitable<KernelFeatures>;
  readonly statedb: StatedbApi;

  /** Called for every event until disposed; must be cheap and must not throw. */
  subscribeMonitor(listener: (record: MonitorRecord) => void): Disposable;
}
