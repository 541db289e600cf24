// SPDX-License-Identifier: Apache-2.0
// The endpoint calls of the REST API.
import {
  type AgentApi,
  ApiError,
  type Endpoint,
  type EndpointChangeRequest,
  type EndpointRef,
} from "../../../src/api/index.ts";
import { Labels, parseIp, parseMac, type ReadonlyTable, toError } from "../../../src/core/index.ts";
import {
  type CreateEndpoint,
  type EndpointManager,
  type EndpointRow,
  initLabels,
  labelsOfPod,
  type PodLabelConfig,
  withAddressLabels,
} from "../../../src/endpoint/index.ts";
import type { Ipam } from "../../../src/ipam/index.ts";
import type { ResourceRow } from "../../../src/kubernetes/index.ts";
import { portsOfPod } from "../named-ports.ts";
import { deviceTraits } from "./device-traits.ts";
import { createEndpointConfigCalls } from "./endpoint-config.ts";
import { createEndpointLabelsCalls } from "./endpoint-labels.ts";
import { type EndpointModelContext, toEndpointModel, toHealthModel, toLogModel } from "./endpoint-model.ts";
import type { PolicyModels } from "./endpoint-policy.ts";
import { hasLabels } from "./labels.ts";
import { withStatus } from "./with-status.ts";

const buildTimeoutMs = 25_000;

export interface EndpointApiDeps {
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly manager: EndpointManager;
  /** What one endpoint's policy says, and which rules it comes from. */
  readonly policyOf?: (row: EndpointRow) => PolicyModels;
  readonly ipam: Ipam;
  /** Resolves when no node denies packets of this identity for not knowing it; never rejects. */
  readonly identityArrived?: (identity: number) => Promise<void>;
  readonly resources: ReadonlyTable<ResourceRow, string>;
  /** Whether pods' labels come from Pod objects. */
  readonly hasPodSource: boolean;
  readonly podLabels: PodLabelConfig;
  readonly model: Pick<EndpointModelContext, "hostAddressing" | "defaults" | "policyRevision">;
  /** The agent's own options by name, as the API has them. */
  readonly agentOptions: () => Readonly<Record<string, string>>;
  /** Whether a device is the one whose ipvlan slaves new pods get; absent: none is. */
  readonly isMaster?: (ifindex: number) => boolean;
}

type EndpointCalls = Pick<
  AgentApi,
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
  | "patchEndpointLabels"
>;

export function createEndpointCalls(deps: EndpointApiDeps): EndpointCalls {
  const model = (row: EndpointRow): Endpoint => modelsOf(deps)(row);
  const find = (ref: EndpointRef) => findEndpoint(deps.endpoints, ref);

  async function remove(rows: readonly EndpointRow[]) {
    const errors: string[] = [];
    let deleted = 0;
    for (const row of rows) {
      try {
        if (await deps.manager.delete(row.id)) deleted++;
      } catch (thrown) {
        errors.push(toError(thrown).message);
      }
    }
    return { deleted, errors };
  }

  return {
    listEndpoints: (labels) =>
      [...deps.endpoints.all()]
        .filter(hasLabels(labels))
        .sort((a, b) => a.id - b.id)
        .map(modelsOf(deps)),
    getEndpoint(ref) {
      const row = find(ref);
      if (row === undefined) return undefined;
      const { status, ...rest } = model(row);
      const { spec, realized } = deps.policyOf?.(row) ?? {};
      const policy = {
        ...status.policy,
        ...{ spec: { ...status.policy.realized, ...spec }, realized: { ...status.policy.realized, ...realized } },
      };
      return { ...rest, status: { ...status, policy } };
    },
    putEndpoint: (id, request) => putEndpoint(deps, id, request),
    patchEndpoint(ref, request) {
      const row = find(ref);
      if (row === undefined) throw new ApiError(404, "Cannot change endpoint: there is none of that name");
      withStatus(() => {
        checkUnchanged(row, request);
        if (request["container-id"]) deps.manager.setContainer(row.id, request["container-id"]);
      });
      if (request.labels !== undefined) deps.manager.setLabels(row.id, newLabels(deps, row, request.labels));
      return model(deps.endpoints.get(row.id) ?? row);
    },
    async deleteEndpoint(ref) {
      const row = find(ref);
      return row === undefined ? undefined : remove([row]);
    },
    deleteEndpoints: ({ containerId }) => remove(deps.endpoints.by("container", containerId)),
    ...createEndpointLabelsCalls({
      ...{ find, manager: deps.manager, orchestrated: isOrchestrated(deps) },
      read: (row, given) => newLabels(deps, row, given),
    }),
    ...createEndpointConfigCalls({ ...deps, find }),
    endpointHealth(ref) {
      const row = find(ref);
      return row === undefined ? undefined : toHealthModel(row);
    },
    endpointLog(ref) {
      const row = find(ref);
      return row === undefined ? undefined : toLogModel(row);
    },
  };
}

/** Whether Pod objects say an endpoint's labels. */
function isOrchestrated({ hasPodSource }: EndpointApiDeps): (row: EndpointRow) => boolean {
  return (row) => hasPodSource && row.podName !== "";
}

/** What makes models of rows, by the agent's options as they are now. */
function modelsOf(deps: EndpointApiDeps): (row: EndpointRow) => Endpoint {
  const context: EndpointModelContext = {
    ...{ ...deps.model, orchestrated: isOrchestrated(deps), agentOptions: deps.agentOptions() },
    namedPorts: ({ podName, podNamespace }) =>
      podName === "" ? [] : portsOfPod(deps.resources, podNamespace, podName),
  };
  return (row) => toEndpointModel(row, context);
}

/** What an endpoint was made with stays, but for its container, which may turn out later; saying it again is no change. ApiError 400 names what is different. */
function checkUnchanged(row: EndpointRow, request: EndpointChangeRequest): void {
  const { ipv4, ipv6 } = request.addressing ?? {};
  const pairs: readonly (readonly [
    field: string,
    wanted: string | number | undefined,
    is: string | number | undefined,
  ])[] = [
    ["id", request.id || undefined, row.id],
    ["container-interface-name", request["container-interface-name"], row.containerInterfaceName],
    ["interface-name", request["interface-name"], row.interfaceName],
    ["interface-index", request["interface-index"], row.ifindex],
    ["mac", request.mac && parseMac(request.mac), row.mac],
    ["host-mac", request["host-mac"] && parseMac(request["host-mac"]), row.nodeMac],
    ["addressing.ipv4", ipv4 && parseIp(ipv4), row.ipv4],
    ["addressing.ipv6", ipv6 && parseIp(ipv6), row.ipv6],
    ["k8s-namespace", request["k8s-namespace"], row.podNamespace],
    ["k8s-pod-name", request["k8s-pod-name"], row.podName],
  ];
  for (const [field, wanted, is] of pairs) {
    if (wanted === undefined || wanted === "" || wanted === is) continue;
    throw new ApiError(
      400,
      `Cannot change "${field}" of endpoint ${row.id} from "${is ?? ""}" to "${wanted}": it stays as it was made (delete the endpoint and make it anew)`,
    );
  }
}

async function putEndpoint(deps: EndpointApiDeps, id: number, request: EndpointChangeRequest): Promise<Endpoint> {
  const created = withStatus(() => create(deps, id, request));
  if (request["sync-build-endpoint"] !== true) return modelsOf(deps)(created);
  try {
    const ready = await deps.manager.ready(created.id, buildTimeoutMs);
    if (ready.identity !== undefined) await deps.identityArrived?.(ready.identity);
    return modelsOf(deps)(ready);
  } catch (error) {
    await deps.manager.delete(created.id);
    throw new ApiError(500, `Cannot create endpoint: ${toError(error).message}`, error);
  }
}

/** An endpoint that cannot be made leaves none of its addresses taken. */
function create(deps: EndpointApiDeps, id: number, request: EndpointChangeRequest): EndpointRow {
  const endpoint = toCreate(deps, request);
  const claimed: string[] = [];
  try {
    if (endpoint.traits?.externalIpam !== true) claimAddresses(deps.ipam, request, endpoint, claimed);
    return deps.manager.create(endpoint, id);
  } catch (error) {
    for (const address of claimed) deps.ipam.release(address);
    throw error;
  }
}

function toCreate(deps: EndpointApiDeps, request: EndpointChangeRequest): CreateEndpoint {
  const { ipv4, ipv6 } = request.addressing ?? {};
  const addresses = {
    ...(ipv4 === undefined ? {} : { ipv4: parseIp(ipv4) }),
    ...(ipv6 === undefined ? {} : { ipv6: parseIp(ipv6) }),
  };
  return {
    containerId: needed(request["container-id"], "container-id"),
    containerInterfaceName: request["container-interface-name"] ?? "eth0",
    netnsPath: request["container-netns-path"] ?? "",
    interfaceName: needed(request["interface-name"], "interface-name"),
    ifindex: needed(request["interface-index"], "interface-index"),
    mac: parseMac(needed(request.mac, "mac")),
    nodeMac: parseMac(needed(request["host-mac"], "host-mac")),
    ...addresses,
    podNamespace: request["k8s-namespace"] ?? "",
    podName: request["k8s-pod-name"] ?? "",
    ...(request["k8s-uid"] === undefined ? {} : { podUid: request["k8s-uid"] }),
    ...deviceTraits(request, deps.isMaster ?? (() => false)),
    ...(request["datapath-configuration"]?.["disable-sip-verification"] === true && {
      options: { sourceIpVerification: false },
    }),
    labels: withAddressLabels(deps.podLabels, requestLabels(deps, request), addresses),
  };
}

/** The pod's objects say the labels; without a source of pods the request does. An unknown pod is `reserved:init`. */
function requestLabels(deps: EndpointApiDeps, request: EndpointChangeRequest): Labels {
  const name = request["k8s-pod-name"] ?? "";
  const namespace = request["k8s-namespace"] ?? "";
  const ofPod = name === "" ? undefined : labelsOfPod(deps.resources, deps.podLabels, namespace, name);
  if (ofPod !== undefined) return ofPod;
  if (name !== "" && deps.hasPodSource) return initLabels;
  return givenLabels(deps, request.labels ?? []);
}

/** Sources of labels that say what something is, not what somebody calls it. */
const systemSources = ["reserved", "cidr", "cidrgroup", "fqdn", "node"];

function givenLabels(deps: EndpointApiDeps, given: readonly string[]): Labels {
  if (given.length === 0) return initLabels;
  const labels = Labels.parse(given, "container");
  for (const label of labels) {
    if (systemSources.includes(label.source)) {
      throw new ApiError(
        400,
        `Cannot use label "${label.source}:${label.key}": source "${label.source}" is not for endpoints`,
      );
    }
  }
  const relevant = deps.podLabels.filter.apply(labels);
  return relevant.size === 0 ? initLabels : relevant;
}

function newLabels(deps: EndpointApiDeps, row: EndpointRow, given: readonly string[]): Labels {
  if (deps.hasPodSource && row.podName !== "") {
    const pod = `${row.podNamespace}/${row.podName}`;
    throw new ApiError(
      400,
      `Cannot change labels of endpoint ${row.id}: they are those of pod "${pod}" (change them there)`,
    );
  }
  if (row.labels.toStrings().includes("reserved:health")) {
    throw new ApiError(400, `Cannot change labels of endpoint ${row.id}: it is the health endpoint`);
  }
  return withStatus(() => withAddressLabels(deps.podLabels, givenLabels(deps, given), row, row.labels));
}

/** Makes the addresses that POST /ipam lent the endpoint's own; addresses that nobody asked for are taken. */
function claimAddresses(ipam: Ipam, request: EndpointChangeRequest, endpoint: CreateEndpoint, claimed: string[]): void {
  const owner = endpoint.podName === "" ? endpoint.containerId : `${endpoint.podNamespace}/${endpoint.podName}`;
  const addressing = request.addressing ?? {};
  const claims = [
    [endpoint.ipv4, addressing["ipv4-expiration-uuid"]],
    [endpoint.ipv6, addressing["ipv6-expiration-uuid"]],
  ] as const;
  for (const [address, uuid = ""] of claims) {
    if (address === undefined) continue;
    const lent = ipam.get(address);
    if (uuid === "" && lent !== undefined && lent.expirationUuid === undefined) continue;
    // An allocation that expires is claimed with its id only: it may be somebody else's.
    if (uuid === "" && lent === undefined) ipam.allocateIp(address, owner);
    else ipam.stopExpiration(address, uuid);
    claimed.push(address);
  }
}

function needed<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw new ApiError(400, `Cannot create endpoint: "${field}" is missing`);
  return value;
}

function findEndpoint(table: ReadonlyTable<EndpointRow, number>, ref: EndpointRef): EndpointRow | undefined {
  switch (ref.kind) {
    case "cilium-local":
      return table.get(ref.id);
    case "cni-attachment-id":
      return table.by("attachment", `${ref.containerId}:${ref.interfaceName}`)[0];
    case "container-id":
    case "container-name":
      return table.by("container", ref.value)[0];
    case "pod-name":
    case "cep-name":
      return table.by("pod", `${ref.namespace}/${ref.name}`)[0];
    case "ipv4":
    case "ipv6":
      return table.by("address", ref.address)[0];
  }
}
