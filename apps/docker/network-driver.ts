// SPDX-License-Identifier: Apache-2.0
// NetworkDriver.*: containers' devices, and their endpoints in the agent.
import type { AgentClient } from "../../src/api/index.ts";
import { createLogger, errorChain, parseMac, randomMac, tryParseIp } from "../../src/core/index.ts";
import { agentPatience, deleteAttachment, whenAgentAnswers } from "../cni/index.ts";
import {
  allowLoopback,
  createPair,
  type DeviceNames,
  deletePair,
  deviceNames,
  isInContainer,
  openPair,
} from "./device.ts";
import type { Engine } from "./engine.ts";
import { RequestError } from "./errors.ts";
import { addressSpace } from "./ipam-driver.ts";
import { join } from "./join.ts";
import { choosePorts, collide, listeningPorts, type PublishedPort } from "./ports.ts";
import {
  type Calls,
  checkRequest,
  connectivityRequest,
  endpointReference,
  endpointRequest,
  joinRequest,
  networkRequest,
  optionNames,
} from "./protocol.ts";
import type { Store, StoredEndpoint } from "./store.ts";
import type { Turns } from "./turns.ts";

const log = createLogger("docker");

export interface NetworkDeps {
  readonly agent: Pick<
    AgentClient,
    "socketPath" | "getConfig" | "getEndpoint" | "putEndpoint" | "patchEndpoint" | "deleteEndpoint"
  >;
  readonly engine: Pick<Engine, "containerOf">;
  readonly store: Store;
  /** The engine repeats calls whose answer it missed, maybe while the first one is at work. */
  readonly turns: Turns;
  /** Brings ports into force: those of these endpoints and no others. */
  readonly publish: (endpoints: readonly StoredEndpoint[]) => void;
  /** Endpoints of containers that the engine has not named are to be named when it speaks. */
  readonly nameLater: () => void;
}

const nothing = (): object => ({});

export function networkCalls(deps: NetworkDeps): Calls {
  const { turns } = deps;
  return {
    "/NetworkDriver.GetCapabilities": () => ({ Scope: "local", ConnectivityScope: "global" }),
    "/NetworkDriver.CreateNetwork": (body) => createNetwork(checkRequest(networkRequest, body, "network")),
    "/NetworkDriver.DeleteNetwork": nothing,
    "/NetworkDriver.CreateEndpoint": async (body) => {
      const request = checkRequest(endpointRequest, body, "endpoint");
      return await turns.take(request.EndpointID, () => createEndpoint(deps, request));
    },
    "/NetworkDriver.EndpointOperInfo": () => ({ Value: {} }),
    "/NetworkDriver.Join": async (body) => {
      const request = checkRequest(joinRequest, body, "join");
      return await turns.take(request.EndpointID, () => join(deps, request));
    },
    "/NetworkDriver.Leave": async (body) => {
      const { EndpointID } = checkRequest(endpointReference, body, "endpoint");
      return await turns.take(EndpointID, () => leave(deps, EndpointID));
    },
    "/NetworkDriver.DeleteEndpoint": async (body) => {
      const { EndpointID } = checkRequest(endpointReference, body, "endpoint");
      return await turns.take(EndpointID, () => deleteEndpoint(deps, EndpointID));
    },
    "/NetworkDriver.ProgramExternalConnectivity": async (body) => {
      const { EndpointID, Options } = checkRequest(connectivityRequest, body, "external connectivity");
      return await turns.take(EndpointID, async () => publishPorts(deps, EndpointID, Options?.[optionNames.portMap]));
    },
    "/NetworkDriver.RevokeExternalConnectivity": async (body) => {
      const { EndpointID } = checkRequest(endpointReference, body, "endpoint");
      return await turns.take(EndpointID, async () => revokePorts(deps, EndpointID));
    },
    "/NetworkDriver.DiscoverNew": nothing,
    "/NetworkDriver.DiscoverDelete": nothing,
  };
}

/** Nothing is kept of networks: all of them are one, and policies say who may talk to whom. */
function createNetwork(request: ReturnType<typeof networkRequest.parse>): object {
  const foreign = [...(request.IPv4Data ?? []), ...(request.IPv6Data ?? [])].find(
    (data) => data.AddressSpace !== addressSpace,
  );
  if (foreign !== undefined) {
    throw new RequestError("Cannot make network: its addresses are not the agent's (create it with --ipam-driver too)");
  }
  if (request.Options?.[optionNames.internal] === true) {
    throw new RequestError("Cannot make network: --internal is not known (deny the entity world by a policy)");
  }
  const generic = request.Options?.[optionNames.generic];
  for (const [name, value] of Object.entries(typeof generic === "object" && generic !== null ? generic : {})) {
    if (name !== "namespace") {
      throw new RequestError(`Cannot make network: unknown option "${name}" (expected namespace)`);
    }
    if (typeof value !== "string" || !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(value)) {
      throw new RequestError(`Cannot make network: namespace "${String(value)}" is not a name of a namespace`);
    }
  }
  return {};
}

async function createEndpoint(deps: NetworkDeps, request: ReturnType<typeof endpointRequest.parse>): Promise<object> {
  const { EndpointID: id, NetworkID: networkId, Interface: given } = request;
  const ipv4 = addressOf(given?.Address);
  const ipv6 = addressOf(given?.AddressIPv6);
  if (ipv4 === undefined && ipv6 === undefined) {
    throw new RequestError(`Cannot make endpoint "${id}": it has no address`);
  }
  const before = deps.store.endpoint(id);
  if (before?.containerId !== undefined) {
    throw new RequestError(`Cannot make endpoint "${id}": it is there, and a container has it`);
  }
  const ownMac = given?.MacAddress ? parseGivenMac(given.MacAddress) : undefined;
  const mac = ownMac ?? before?.mac ?? randomMac();
  const { status } = await whenAgentAnswers(() => deps.agent.getConfig(), agentPatience);
  const addresses = { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
  const portMap = request.Options?.[optionNames.portMap];
  const wantsPorts = Array.isArray(portMap) && portMap.length > 0;
  deps.store.saveEndpoint(id, { networkId, mac, ...addresses, ...(wantsPorts && { wantsPorts }) });
  createPair(deviceNames(id), mac, status.routeMTU > 0 ? status.routeMTU : status.deviceMTU);
  return { Interface: ownMac === undefined ? { MacAddress: mac } : {} };
}

function addressOf(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  const address = tryParseIp(text.split("/")[0] ?? "");
  if (address === undefined) throw new RequestError(`Cannot use address "${text}": not an address`);
  return address;
}

function parseGivenMac(text: string): string {
  try {
    return parseMac(text);
  } catch {
    throw new RequestError(`Cannot use MAC "${text}": not a MAC address`);
  }
}

/** Again for an endpoint that has ports already: in place of those, which stay when it fails. Nothing here waits: no other call comes between. */
function publishPorts({ store, publish }: NetworkDeps, id: string, option: unknown): object {
  const stored = store.endpoint(id);
  if (stored === undefined)
    throw new RequestError(`Cannot publish ports of endpoint "${id}": there is none of that id`);
  const others = store.endpointsBut(id);
  let taken: readonly PublishedPort[] | undefined;
  const isFree = (port: PublishedPort): boolean => {
    taken ??= [...others.flatMap(({ published = [] }) => published), ...listeningPorts()];
    return !taken.some((other) => collide(port, other));
  };
  const published = choosePorts(option, isFree);
  if (published.length === 0 && stored.published === undefined) return {};
  const wanted = { ...stored, published };
  publish([...others, wanted]);
  store.saveEndpoint(id, wanted);
  allowLoopback(deviceNames(id).host, published.length > 0);
  return {};
}

function revokePorts({ store, publish }: NetworkDeps, id: string): object {
  const stored = store.endpoint(id);
  if (stored?.published === undefined) return {};
  const { published: _, ...rest } = stored;
  store.saveEndpoint(id, rest);
  allowLoopback(deviceNames(id).host, false);
  publish(store.endpoints());
  return {};
}

/** Rules that stay go when ports are published next, or again. Never throws. */
function revokeAnyway(deps: NetworkDeps, id: string): void {
  try {
    revokePorts(deps, id);
  } catch (error) {
    log.error("Cannot take back a container's ports", { endpoint: id, error: errorChain(error) });
  }
}

/** What was stored and may not be in force: after an end in the middle of a call, or when others flushed nftables. Never throws. */
export function publishAgain({ store, publish }: NetworkDeps): void {
  try {
    publish(store.endpoints());
  } catch (error) {
    log.error("Cannot publish containers' ports", { error: errorChain(error) });
  }
}

/** The pair is closed before the programs go, so that nothing passes unjudged. */
async function leave(deps: NetworkDeps, id: string): Promise<object> {
  revokeAnyway(deps, id);
  const names = deviceNames(id);
  openPair(names, false);
  const stored = deps.store.endpoint(id);
  if (stored?.containerId === undefined) return {};
  await deleteFromAgent(deps, stored.containerId, names);
  const { containerId: _, unnamed: __, ...rest } = stored;
  deps.store.saveEndpoint(id, rest);
  return {};
}

/** The device goes also when the agent says no; then the agent forgets the endpoint when it starts again. */
async function deleteEndpoint(deps: NetworkDeps, id: string): Promise<object> {
  try {
    await leave(deps, id);
  } finally {
    deletePair(deviceNames(id));
  }
  deps.store.removeEndpoint(id);
  return {};
}

async function deleteFromAgent({ agent }: NetworkDeps, containerId: string, names: DeviceNames): Promise<void> {
  const warn = (message: string): void => log.warn(message, { container: containerId });
  const agentSocket = agent.socketPath;
  await deleteAttachment({ client: agent, agentSocket, containerId, interfaceName: names.container, warn });
}

/** An endpoint that the engine did not speak of for so long, and that no container has, was deleted without us (ms). */
const forgottenAfter = 60_000;

/** Removes endpoints that the engine gave up while the plug-in was not there. Never throws. */
export async function removeForgotten(deps: NetworkDeps): Promise<void> {
  for (const id of deps.store.endpointsUnchangedFor(forgottenAfter)) {
    if (isInContainer(deviceNames(id))) continue;
    try {
      await deps.turns.take(id, async () => {
        // A call that it waited for may have joined it.
        if (!deps.store.endpointsUnchangedFor(forgottenAfter).includes(id) || isInContainer(deviceNames(id))) return;
        await deleteEndpoint(deps, id);
        log.info("Removed an endpoint that no container has", { endpoint: id });
      });
    } catch (error) {
      log.warn("Cannot remove an endpoint that no container has", { endpoint: id, error: errorChain(error) });
    }
  }
}
