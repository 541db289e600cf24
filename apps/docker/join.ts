// SPDX-License-Identifier: Apache-2.0
// NetworkDriver.Join: the endpoint gets the labels of its container, and is in force before the container runs.
import {
  type AgentClient,
  ApiError,
  type DaemonConfiguration,
  type EndpointChangeRequest,
} from "../../src/api/index.ts";
import { containerLabels, createLogger } from "../../src/core/index.ts";
import { agentPatience, attachmentRef, whenAgentAnswers } from "../cni/index.ts";
import { deviceNames, hostDevice, openPair } from "./device.ts";
import { type EngineContainer, EngineSilentError } from "./engine.ts";
import { RequestError } from "./errors.ts";
import { loansTurn, routerOf } from "./ipam-driver.ts";
import type { NetworkDeps } from "./network-driver.ts";
import { type joinRequest, routeTypes } from "./protocol.ts";
import type { StoredEndpoint } from "./store.ts";

const log = createLogger("docker");
/** Of containers in networks without the option `namespace`. */
const defaultNamespace = "default";

export async function join(deps: NetworkDeps, request: ReturnType<typeof joinRequest.parse>): Promise<object> {
  const { EndpointID: id, NetworkID: networkId } = request;
  const stored = deps.store.endpoint(id);
  if (stored === undefined) throw new RequestError(`Cannot join endpoint "${id}": there is none of that id`);
  const container = await orUnnamed(deps.engine.containerOf(networkId, id));
  // What the agent has of an earlier try stays as it is called there.
  const unnamed = container === undefined || stored.unnamed === true;
  const joined: Joined = unnamed
    ? { ...stored, containerId: stored.containerId ?? id, unnamed }
    : { ...stored, containerId: container.id };
  // An agent that starts again meanwhile may have the endpoint or not: all of it can be repeated.
  const config = await whenAgentAnswers(async () => {
    const config = await deps.agent.getConfig();
    if (!unnamed) await refuseSecond(deps, id, container);
    // First: what the agent has, a deletion has to find.
    deps.store.saveEndpoint(id, joined);
    await ensureEndpoint(deps, id, request.SandboxKey, joined, unnamed ? undefined : labelsOf(container, config));
    return config;
  }, agentPatience);
  openPair(deviceNames(id), true);
  // The engine moves the device now: its age begins anew.
  deps.store.saveEndpoint(id, joined);
  if (unnamed) {
    log.warn("The engine does not say yet whose endpoint it is: it is reserved:init until then", { endpoint: id });
    deps.nameLater();
  }
  return joinAnswer(id, joined, config);
}

type Joined = StoredEndpoint & { readonly containerId: string };

/** Undefined while the engine is silent: it waits for our own answer then, and starts the container by it. */
async function orUnnamed(container: Promise<EngineContainer>): Promise<EngineContainer | undefined> {
  try {
    return await container;
  } catch (error) {
    if (error instanceof EngineSilentError) return undefined;
    throw error;
  }
}

/**
 * All our networks are one, and a container has one default route: what is sent to a second address would be answered
 * from the first one's device, and dropped there.
 */
async function refuseSecond({ agent }: NetworkDeps, id: string, container: EngineContainer): Promise<void> {
  const first = await orNothing(agent.getEndpoint(`container-id:${container.id}`));
  const device = first?.status.networking["interface-name"] ?? "";
  if (device === "" || device === deviceNames(id).host || hostDevice(device) === undefined) return;
  throw new RequestError(
    `Cannot join: container "${container.name}" is in a network of this driver already (disconnect it there first)`,
  );
}

/** Undefined for what the agent does not have. */
async function orNothing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** The labels of its identity. */
export function labelsOf(container: EngineContainer, { status }: DaemonConfiguration): readonly string[] {
  const cluster = status.daemonConfigurationMap?.["cluster-name"];
  const namespace = container.networkOptions.namespace ?? defaultNamespace;
  const { labels, leftOut } = containerLabels(container.labels, namespace, typeof cluster === "string" ? cluster : "");
  if (leftOut.length > 0) {
    log.warn("Labels of a container cannot be part of an identity", { container: container.name, labels: leftOut });
  }
  return labels;
}

/** An endpoint that is there from a call whose answer the engine missed is taken as it is. */
async function ensureEndpoint(
  deps: NetworkDeps,
  id: string,
  netns: string,
  stored: Joined,
  labels: readonly string[] | undefined,
): Promise<void> {
  const names = deviceNames(id);
  const device = hostDevice(names.host);
  if (device === undefined) throw new Error(`Cannot join endpoint "${id}": its device "${names.host}" is gone`);
  const ref = attachmentRef(stored.containerId, names.container);
  const before = await orNothing(deps.agent.getEndpoint(ref));
  // One that an agent stored and did not bring into force before it ended is made anew: the pair opens behind this.
  if (before?.status.networking["interface-index"] === device.ifindex && before.status.state === "ready") {
    for (const ip of [stored.ipv4, stored.ipv6]) if (ip) deps.store.removeLease(ip);
    return;
  }
  if (before !== undefined) await orNothing(deps.agent.deleteEndpoint(ref));
  await putEndpoint(deps, stored, {
    "container-id": stored.containerId,
    "container-interface-name": names.container,
    "container-netns-path": netns,
    "interface-name": names.host,
    "interface-index": device.ifindex,
    mac: stored.mac,
    "host-mac": device.mac,
    ...(labels !== undefined && { labels }),
    // Ports are published in the node's stack: what comes by them has to see it both ways.
    ...(stored.wantsPorts && { "datapath-configuration": { "require-routing": false } }),
    state: "waiting-for-identity",
    "sync-build-endpoint": true,
  });
}

/** Of which family to claim the loan, in the order in which it is tried. */
const choices = [
  { ipv4: true, ipv6: true },
  { ipv4: true, ipv6: false },
  { ipv4: false, ipv6: true },
  { ipv4: false, ipv6: false },
] as const;
const claims = [...choices, ...choices];

/**
 * With the ids under which the addresses are lent. An agent that started since then knows of no loan, or of one that it
 * made again, maybe just now: which of these holds for an address is found by trying.
 */
export async function putEndpoint(
  { agent, store, turns }: Pick<NetworkDeps, "store" | "turns"> & { readonly agent: Pick<AgentClient, "putEndpoint"> },
  { ipv4, ipv6 }: StoredEndpoint,
  request: EndpointChangeRequest,
): Promise<void> {
  const addresses = { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
  for (const [n, claim] of claims.entries()) {
    const lease4 = claim.ipv4 && ipv4 && store.lease(ipv4);
    const lease6 = claim.ipv6 && ipv6 && store.lease(ipv6);
    const lent = {
      ...(lease4 && { "ipv4-expiration-uuid": lease4 }),
      ...(lease6 && { "ipv6-expiration-uuid": lease6 }),
    };
    try {
      await agent.putEndpoint(0, { ...request, addressing: { ...addresses, ...lent } });
      break;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 400 || n === claims.length - 1) throw error;
      log.info("The agent does not know the loan of an address", { ...addresses, error: error.message });
      await turns.take(loansTurn, async () => {}); // what is being lent is written down then
    }
  }
  for (const address of [ipv4, ipv6]) if (address) store.removeLease(address);
}

/** The engine moves the device, sets addresses, link routes to the router, and default routes by way of it. */
function joinAnswer(id: string, { ipv4, ipv6 }: StoredEndpoint, config: DaemonConfiguration): object {
  const via4 = ipv4 === undefined ? undefined : routerOf(config, 4);
  const via6 = ipv6 === undefined ? undefined : routerOf(config, 6);
  const routes = [via4 && `${via4}/32`, via6 && `${via6}/128`].filter((destination) => destination !== undefined);
  return {
    InterfaceName: { SrcName: deviceNames(id).container, DstPrefix: "eth" },
    ...(via4 && { Gateway: via4 }),
    ...(via6 && { GatewayIPv6: via6 }),
    StaticRoutes: routes.map((Destination) => ({ Destination, RouteType: routeTypes.connected, NextHop: "" })),
  };
}
