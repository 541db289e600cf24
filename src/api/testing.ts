// SPDX-License-Identifier: Apache-2.0
// An agent in memory for tests of the API's users: real answers, no kernel.
import { ApiError } from "./errors.ts";
import type {
  Endpoint,
  EndpointChangeRequest,
  Identity,
  IPListEntry,
  LabelConfiguration,
  NodeElement,
} from "./models.ts";
import type { AgentApi, EndpointRef, MonitorRecord } from "./types.ts";

export { type DescribedApi, describedApi } from "./testing-openapi.ts";

export interface MemoryAgentOptions {
  readonly endpoints?: readonly Endpoint[];
  readonly identities?: readonly Identity[];
  readonly ips?: readonly IPListEntry[];
  readonly nodes?: readonly NodeElement[];
  /** Free addresses, given out in order. */
  readonly ipv4?: readonly string[];
  readonly ipv6?: readonly string[];
  readonly routeMtu?: number;
  readonly deviceMtu?: number;
  /** Members that replace the ones here. */
  readonly override?: Partial<AgentApi>;
}

/** The memory agent's state, for asserts. */
export interface MemoryAgent {
  readonly api: AgentApi;
  readonly endpoints: Map<number, Endpoint>;
  /** Requests of putEndpoint in order. */
  readonly created: EndpointChangeRequest[];
  readonly freeIpv4: string[];
  readonly freeIpv6: string[];
  readonly policies: unknown[];
  /** Sends a record to all listeners. */
  emit(record: MonitorRecord): void;
}

const routerIpv4 = "10.77.0.1";
const routerIpv6 = "fd00:77::1";

/** Makes the agent. */
export function createMemoryAgent(options: MemoryAgentOptions = {}): MemoryAgent {
  const listeners = new Set<(record: MonitorRecord) => void>();
  const state: MemoryAgent = {
    endpoints: new Map((options.endpoints ?? []).map((endpoint) => [endpoint.id, endpoint])),
    created: [],
    freeIpv4: [...(options.ipv4 ?? ["10.77.0.10", "10.77.0.11"])],
    freeIpv6: [...(options.ipv6 ?? ["fd00:77::10", "fd00:77::11"])],
    policies: [],
    emit: (record) => listeners.forEach((listener) => void listener(record)),
    api: undefined as unknown as AgentApi,
  };
  const api: AgentApi = {
    version: () => ({ version: "1.20.2-test", revision: "abc", runtime: "v26", arch: "linux/x64" }),
    healthz: () => ({ cilium: { state: "Ok", msg: "1.20.2 (test)" }, kvstore: { state: "Disabled" } }),
    ...daemonPart(),
    listIdentities: (labels) => (options.identities ?? []).filter((i) => labels.every((l) => i.labels.includes(l))),
    getIdentity: (id) => options.identities?.find((identity) => identity.id === id),
    identityEndpoints: () => (options.identities ?? []).map((identity) => ({ identity, refCount: 1 })),
    listIps: ({ cidr }) => (options.ips ?? []).filter((ip) => cidr === undefined || ip.cidr.startsWith(cidr)),
    nodes: () => ({ self: "default/node1", "nodes-added": options.nodes ?? [] }),
    nodeIds: () => [{ id: 4242, ips: ["172.31.240.3", "fd00:31:240::3"] }],
    policyHits: () => [],
    policySelectors: () => [],
    policySubjectSelectors: () => [],
    policyReferences: () => ({ cidrGroups: [], services: [] }),
    policyRules: () => [],
    explainDrop: () => ({ kind: "default-deny", by: ["default/rule1"] }),
    subscribeMonitor: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    ...configPart(options),
    ...endpointPart(state),
    ...policyPart(state),
    ...ipamPart(state),
    ...options.override,
  };
  return Object.assign(state, { api });
}

type Part<Keys extends keyof AgentApi> = Pick<AgentApi, Keys>;

function configPart(options: MemoryAgentOptions): Part<"getConfig" | "patchConfig"> {
  const values: Record<string, string> = { Debug: "Disabled", PolicyAuditMode: "Disabled" };
  const config: AgentApi["getConfig"] = () => ({
    spec: { options: values, "policy-enforcement": "default" },
    status: {
      realized: { options: values, "policy-enforcement": "default" },
      addressing: { ipv4: { enabled: true, ip: routerIpv4 }, ipv6: { enabled: true, ip: routerIpv6 } },
      "ipam-mode": "cluster-pool",
      datapathMode: "veth",
      deviceMTU: options.deviceMtu ?? 1500,
      routeMTU: options.routeMtu ?? 1450,
      daemonConfigurationMap: { "cluster-name": "default", "enable-ipv4": true },
    },
  });
  return {
    getConfig: config,
    patchConfig: (spec) => {
      for (const [name, value] of Object.entries(spec.options ?? {})) {
        if (!Object.hasOwn(values, name)) throw new ApiError(400, `Cannot set option "${name}": unknown option`);
        values[name] = value;
      }
      return config();
    },
  };
}

type DaemonKeys = "metrics" | "metricsText" | "mapList" | "map" | "mapEvents" | "debugInfo" | "cgroups" | "features";

function daemonPart(): Part<DaemonKeys | "statedb"> {
  const map = { path: "/sys/fs/bpf/tc/globals/cilium_lxc", cache: [{ key: "10.77.0.10", value: "id=100" }] };
  const named = (name: string) => (name === "cilium_lxc" ? map : undefined);
  return {
    metrics: () => [{ name: "cilium_test_total", value: 1 }],
    metricsText: () => "cilium_test_total 1\n",
    mapList: () => ({ maps: [map] }),
    map: named,
    mapEvents: (name) => (named(name) === undefined ? undefined : streamOf([])),
    debugInfo: () => ({
      "cilium-version": "1.20.2-test",
      "kernel-version": "6.18",
      "cilium-status": { cilium: { state: "Ok" } },
      "endpoint-list": [],
      "service-list": [],
      policy: { revision: 1, policy: "[]" },
      "cilium-memory-map": "",
      "environment-variables": [],
      subsystem: {},
      encryption: { mode: "Disabled" },
    }),
    cgroups: () => ({ "pod-metadatas": [] }),
    features: () => ({ kernel: "6.18", features: [] }),
    statedb: { tables: () => [], rows: () => undefined, query: () => undefined, changes: () => undefined },
  };
}

/** A stream that ends after these. */
export async function* streamOf<T>(values: readonly T[]): AsyncGenerator<T, void, void> {
  yield* values;
}

type EndpointKeys =
  | "listEndpoints"
  | "getEndpoint"
  | "putEndpoint"
  | "patchEndpoint"
  | "deleteEndpoint"
  | "deleteEndpoints"
  | "endpointConfig"
  | "patchEndpointConfig"
  | "endpointHealth"
  | "endpointLog"
  | "endpointLabels"
  | "patchEndpointLabels";

function endpointPart({ endpoints, created }: MemoryAgent): Part<EndpointKeys> {
  const find = (ref: EndpointRef): Endpoint | undefined => [...endpoints.values()].find((e) => matches(e, ref));
  const remove = (chosen: readonly Endpoint[]): { deleted: number; errors: string[] } => {
    for (const endpoint of chosen) endpoints.delete(endpoint.id);
    return { deleted: chosen.length, errors: [] };
  };
  return {
    listEndpoints: (labels) =>
      [...endpoints.values()].filter((e) => labels.every((l) => e.status.labels["security-relevant"].includes(l))),
    getEndpoint: find,
    putEndpoint: (wanted, request) => {
      const id = wanted === 0 ? 100 + created.length : wanted;
      if (endpoints.has(id)) throw new ApiError(409, `Cannot create endpoint "${id}": it exists`);
      created.push(request);
      const endpoint = endpointOf(id, request);
      endpoints.set(id, endpoint);
      return endpoint;
    },
    patchEndpoint: (ref, request) => {
      const endpoint = find(ref);
      if (endpoint === undefined) throw new ApiError(404, "Cannot change endpoint: no such endpoint");
      const changed = endpointOf(endpoint.id, request);
      endpoints.set(endpoint.id, changed);
      return changed;
    },
    deleteEndpoint: (ref) => {
      const endpoint = find(ref);
      return endpoint === undefined ? undefined : remove([endpoint]);
    },
    deleteEndpoints: ({ containerId }) =>
      remove([...endpoints.values()].filter((e) => e.status["external-identifiers"]["container-id"] === containerId)),
    endpointConfig: (ref) => (find(ref) === undefined ? undefined : { realized: { options: {} } }),
    patchEndpointConfig: (ref, spec) => (find(ref) === undefined ? undefined : { realized: spec }),
    endpointHealth: (ref) => find(ref)?.status.health,
    endpointLog: (ref) => find(ref)?.status.log,
    endpointLabels: (ref) => labelsOf(find(ref)),
    patchEndpointLabels: (ref, spec) => {
      const endpoint = find(ref);
      if (endpoint === undefined) return undefined;
      const status = { ...endpoint.status, labels: { ...endpoint.status.labels, realized: spec } };
      endpoints.set(endpoint.id, { ...endpoint, status });
      return labelsOf(endpoints.get(endpoint.id));
    },
  };
}

function labelsOf(endpoint: Endpoint | undefined): LabelConfiguration | undefined {
  return endpoint && { spec: endpoint.status.labels.realized ?? {}, status: endpoint.status.labels };
}

function endpointOf(id: number, request: EndpointChangeRequest): Endpoint {
  const containerId = request["container-id"] ?? "";
  return {
    id,
    status: {
      "external-identifiers": {
        "container-id": containerId,
        "cni-attachment-id": `${containerId}:${request["container-interface-name"] ?? ""}`,
        "k8s-pod-name": request["k8s-pod-name"] ?? "",
        "k8s-namespace": request["k8s-namespace"] ?? "",
      },
      labels: { "security-relevant": request.labels ?? [] },
      networking: {
        addressing: [request.addressing ?? {}],
        ...(request.mac === undefined ? {} : { mac: request.mac }),
      },
      policy: { realized: { "policy-revision": 1, "policy-enabled": "none" } },
      state: "ready",
      health: { overallHealth: "OK", bpf: "OK", policy: "OK", connected: true },
      log: [{ timestamp: "2026-01-01T00:00:00Z", code: "ok", state: "ready", message: "Created" }],
    },
  };
}

function matches(endpoint: Endpoint, ref: EndpointRef): boolean {
  const identifiers = endpoint.status["external-identifiers"];
  switch (ref.kind) {
    case "cilium-local":
      return endpoint.id === ref.id;
    case "cni-attachment-id":
      return identifiers["cni-attachment-id"] === `${ref.containerId}:${ref.interfaceName}`;
    case "container-id":
      return identifiers["container-id"] === ref.value;
    case "container-name":
      return identifiers["container-name"] === ref.value;
    case "pod-name":
    case "cep-name":
      return identifiers["k8s-namespace"] === ref.namespace && identifiers["k8s-pod-name"] === ref.name;
    case "ipv4":
    case "ipv6":
      return endpoint.status.networking.addressing.some((pair) => pair[ref.kind] === ref.address);
  }
}

function policyPart({ policies }: MemoryAgent): Part<"getPolicy" | "putPolicy" | "deletePolicy"> {
  let revision = 1;
  const answer: AgentApi["getPolicy"] = () => ({ revision, policy: JSON.stringify(policies, null, 2) });
  return {
    getPolicy: answer,
    putPolicy: (resources) => {
      policies.push(...resources);
      revision++;
      return answer();
    },
    deletePolicy: () => {
      if (policies.length === 0) throw new ApiError(404, "Cannot delete policy: there is none");
      policies.length = 0;
      revision++;
      return answer();
    },
  };
}

function ipamPart(state: MemoryAgent): Part<"ipamAllocate" | "ipamAllocateAddress" | "ipamRelease"> {
  const take = (pool: string[], family: string): string => {
    const address = pool.shift();
    if (address === undefined) throw new ApiError(502, `Cannot allocate ${family} address: pool is exhausted`);
    return address;
  };
  return {
    ipamAllocate: ({ family }) => {
      const ipv4 = family === "ipv6" ? undefined : take(state.freeIpv4, "IPv4");
      const ipv6 = family === "ipv4" ? undefined : take(state.freeIpv6, "IPv6");
      return {
        address: { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) },
        ...(ipv4 === undefined ? {} : { ipv4: { ip: ipv4, gateway: routerIpv4, "expiration-uuid": "uuid4" } }),
        ...(ipv6 === undefined ? {} : { ipv6: { ip: ipv6, gateway: routerIpv6, "expiration-uuid": "uuid6" } }),
        "host-addressing": { ipv4: { enabled: true, ip: routerIpv4 }, ipv6: { enabled: true, ip: routerIpv6 } },
      };
    },
    ipamAllocateAddress: (address) => {
      const pool = address.includes(":") ? state.freeIpv6 : state.freeIpv4;
      const at = pool.indexOf(address);
      if (at < 0) throw new ApiError(409, `Cannot allocate address "${address}": taken`);
      pool.splice(at, 1);
    },
    ipamRelease: (address) => void (address.includes(":") ? state.freeIpv6 : state.freeIpv4).push(address),
  };
}
