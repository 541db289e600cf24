// SPDX-License-Identifier: Apache-2.0
// The typed client of the agent's REST API.
import { agentSocketPath } from "./agent-socket.ts";
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
  Prefilter,
  PrefilterSpec,
  SelectorIdentityMapping,
  StatusResponse,
  VersionInfo,
} from "./models.ts";
import { type CallOptions, type CallResult, call, callStream } from "./transport.ts";

export interface AgentClientOptions {
  /** Default: CILIUM_SOCK, else /var/run/cilium/cilium.sock. */
  readonly socketPath?: string;
  /** Milliseconds for one call; default 30 s. */
  readonly timeout?: number;
}

export interface IpamQuery {
  readonly family?: "ipv4" | "ipv6";
  readonly owner?: string;
  readonly pool?: string;
  readonly expiration?: boolean;
}

type Extra = Partial<Pick<CallOptions, "query" | "headers" | "body" | "timeout">>;

/**
 * Calls the agent; holds no connection between calls. Every method may reject with ApiError (the agent's answer, with
 * its status) or AgentUnreachableError.
 */
export class AgentClient {
  readonly socketPath: string;
  readonly #timeout: number;

  constructor(options: AgentClientOptions = {}) {
    this.socketPath = options.socketPath ?? agentSocketPath(undefined);
    this.#timeout = options.timeout ?? 30_000;
  }

  version(): Promise<VersionInfo> {
    return this.#get("/version");
  }

  healthz(options: { brief?: boolean; requireK8s?: boolean; timeout?: number } = {}): Promise<StatusResponse> {
    const headers = {
      brief: String(options.brief ?? false),
      "require-k8s-connectivity": String(options.requireK8s ?? true),
    };
    return this.#get("/healthz", { headers, ...(options.timeout === undefined ? {} : { timeout: options.timeout }) });
  }

  getConfig(): Promise<DaemonConfiguration> {
    return this.#get("/config");
  }

  patchConfig(spec: DaemonConfigurationSpec): Promise<DaemonConfiguration> {
    return this.#send("PATCH", "/config", { body: spec });
  }

  listEndpoints(labels: readonly string[] = []): Promise<Endpoint[]> {
    return this.#get("/endpoint", labels.length === 0 ? {} : { body: labels });
  }

  /** `id` as in `parseEndpointId`. */
  getEndpoint(id: string): Promise<Endpoint> {
    return this.#get(`/endpoint/${encodeURIComponent(id)}`);
  }

  putEndpoint(id: number, request: EndpointChangeRequest, timeout?: number): Promise<Endpoint> {
    return this.#send("PUT", `/endpoint/${id}`, { body: request, ...(timeout === undefined ? {} : { timeout }) });
  }

  patchEndpoint(id: string, request: EndpointChangeRequest): Promise<Endpoint> {
    return this.#send("PATCH", `/endpoint/${encodeURIComponent(id)}`, { body: request });
  }

  /** Gives how many objects could not be removed. */
  async deleteEndpoint(id: string): Promise<{ errors: number }> {
    return deleteErrors(await this.#call("DELETE", `/endpoint/${encodeURIComponent(id)}`));
  }

  /** All endpoints of a container; gives how many objects could not be removed. */
  async deleteEndpoints(containerId: string): Promise<{ errors: number }> {
    return deleteErrors(await this.#call("DELETE", "/endpoint", { body: { "container-id": containerId } }));
  }

  endpointConfig(id: string): Promise<EndpointConfigurationStatus> {
    return this.#get(`/endpoint/${encodeURIComponent(id)}/config`);
  }

  patchEndpointConfig(id: string, spec: EndpointConfigurationSpec): Promise<EndpointConfigurationStatus> {
    return this.#send("PATCH", `/endpoint/${encodeURIComponent(id)}/config`, { body: spec });
  }

  endpointLabels(id: string): Promise<LabelConfiguration> {
    return this.#get(`/endpoint/${encodeURIComponent(id)}/labels`);
  }

  /** `user`: all labels that users give it, instead of those they gave before. */
  patchEndpointLabels(id: string, spec: LabelConfigurationSpec): Promise<LabelConfiguration> {
    return this.#send("PATCH", `/endpoint/${encodeURIComponent(id)}/labels`, { body: spec });
  }

  endpointHealth(id: string): Promise<EndpointHealth> {
    return this.#get(`/endpoint/${encodeURIComponent(id)}/healthz`);
  }

  endpointLog(id: string): Promise<EndpointStatusChange[]> {
    return this.#get(`/endpoint/${encodeURIComponent(id)}/log`);
  }

  listIdentities(labels: readonly string[] = []): Promise<Identity[]> {
    return this.#get("/identity", labels.length === 0 ? {} : { body: labels });
  }

  getIdentity(id: number): Promise<Identity> {
    return this.#get(`/identity/${id}`);
  }

  identityEndpoints(): Promise<IdentityEndpoints[]> {
    return this.#get("/identity/endpoints");
  }

  listIps(filter: { cidr?: string; labels?: readonly string[] } = {}): Promise<IPListEntry[]> {
    return this.#get("/ip", { query: { cidr: filter.cidr }, ...(filter.labels ? { body: filter.labels } : {}) });
  }

  /** With the client-id of an earlier answer: what changed since then. */
  nodes(clientId?: number): Promise<ClusterNodeStatus> {
    return this.#get("/cluster/nodes", clientId === undefined ? {} : { headers: { "client-id": String(clientId) } });
  }

  nodeIds(): Promise<NodeID[]> {
    return this.#get("/node/ids");
  }

  getPolicy(): Promise<Policy> {
    return this.#get("/policy");
  }

  putPolicy(resources: readonly unknown[]): Promise<Policy> {
    return this.#send("PUT", "/policy", { body: resources });
  }

  /** Of the imported policies; without a name all of them. */
  deletePolicy(name?: string): Promise<Policy> {
    return this.#send("DELETE", "/policy", { query: { name } });
  }

  policySelectors(): Promise<SelectorIdentityMapping[]> {
    return this.#get("/policy/selectors");
  }

  /** Of those whom policies are about. */
  policySubjectSelectors(): Promise<SelectorIdentityMapping[]> {
    return this.#get("/policy/subject-selectors");
  }

  /** CIDR groups and services, as policies that refer to them see them. */
  policyReferences(): Promise<PolicyReferences> {
    return this.#get("/policy/references");
  }

  /** Every rule that entries and events can name. */
  policyRules(): Promise<PolicyRuleCookie[]> {
    return this.#get("/policy/rules");
  }

  policyHits(): Promise<PolicyRuleHits[]> {
    return this.#get("/policy/hits");
  }

  getPrefilter(): Promise<Prefilter> {
    return this.#get("/prefilter");
  }

  /** `revision` 0 is any. */
  updatePrefilter(spec: PrefilterSpec): Promise<Prefilter> {
    return this.#send("PATCH", "/prefilter", { body: spec });
  }

  deletePrefilter(spec: PrefilterSpec): Promise<Prefilter> {
    return this.#send("DELETE", "/prefilter", { body: spec });
  }

  explainDrop(query: DropQuery): Promise<DropExplanation> {
    return this.#get("/policy/explain", {
      query: {
        endpoint: query.endpoint,
        direction: query.direction,
        "source-identity": query.sourceIdentity,
        "destination-identity": query.destinationIdentity,
        protocol: query.protocol,
        port: query.port,
        cookie: query.cookie,
        "policy-set": query.policySet,
      },
    });
  }

  ipamAllocate(query: IpamQuery): Promise<IPAMResponse> {
    return this.#send("POST", "/ipam", {
      query: { family: query.family, owner: query.owner, pool: query.pool },
      ...(query.expiration ? { headers: { expiration: "true" } } : {}),
    });
  }

  async ipamRelease(address: string, pool?: string): Promise<void> {
    await this.#call("DELETE", `/ipam/${encodeURIComponent(address)}`, { query: { pool } });
  }

  mapList(): Promise<BPFMapList> {
    return this.#get("/map");
  }

  getMap(name: string): Promise<BPFMap> {
    return this.#get(`/map/${encodeURIComponent(name)}`);
  }

  /** With `follow` until the signal aborts; ends quietly then. */
  mapEvents(name: string, { follow, signal }: { follow: boolean; signal: AbortSignal }): AsyncIterable<MapEvent> {
    const path = `/map/${encodeURIComponent(name)}/events`;
    return callStream<MapEvent>(this.socketPath, { path, query: { follow: String(follow) }, signal });
  }

  metrics(): Promise<Metric[]> {
    return this.#get("/metrics");
  }

  /** In Prometheus' text form. */
  metricsText(): Promise<string> {
    return this.#get("/metrics", { headers: { accept: "text/plain" } });
  }

  debugInfo(): Promise<DebugInfo> {
    return this.#get("/debuginfo");
  }

  cgroups(): Promise<CgroupDumpMetadata> {
    return this.#get("/cgroup-dump-metadata");
  }

  features(): Promise<KernelFeatures> {
    return this.#get("/features");
  }

  #get<T>(path: string, extra: Extra = {}): Promise<T> {
    return this.#send("GET", path, extra);
  }

  /** The answer's shape is the agent's word: client and agent are of one version. */
  async #send<T>(method: CallOptions["method"], path: string, extra: Extra = {}): Promise<T> {
    return (await this.#call(method, path, extra)).body as T;
  }

  #call(method: CallOptions["method"], path: string, extra: Extra = {}): Promise<CallResult> {
    return call(this.socketPath, { method, path, timeout: this.#timeout, ...extra });
  }
}

function deleteErrors(result: CallResult): { errors: number } {
  return { errors: result.status === 206 ? Number(result.body ?? 1) : 0 };
}
