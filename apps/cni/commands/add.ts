// SPDX-License-Identifier: Apache-2.0
// ADD: addresses from the agent, the veth pair, the endpoint. Whatever fails, nothing is left behind.
import {
  ApiError,
  type DaemonConfiguration,
  type Endpoint,
  type EndpointChangeRequest,
  type IPAMResponse,
} from "../../../src/api/index.ts";
import { errorChain } from "../../../src/core/index.ts";
import { type Fd, netnsCookie } from "../../../src/kernel/index.ts";
import { type Agent, whenAgentAnswers } from "../agent.ts";
import { attachmentRef, hostInterfaceName } from "../attachment.ts";
import { type AttachmentEnvironment, readAttachment } from "../environment.ts";
import { CniError, cniCodes, toCniError } from "../errors.ts";
import { openContainerNetns } from "../netns.ts";
import {
  createPodNetwork,
  deletePodNetwork,
  Namespaces,
  type PodNetwork,
  removeLeftovers,
  setPodMac,
} from "../pod-network.ts";
import type { Answer, Request } from "../request.ts";
import { formatResult, type PodAddress } from "../result.ts";

interface Context {
  readonly request: Request;
  readonly attachment: AttachmentEnvironment;
  readonly client: Agent;
  readonly netns: Fd;
  readonly namespaces: Namespaces;
  readonly hostInterface: string;
}

export async function add(request: Request): Promise<Answer> {
  const attachment = readAttachment(request.env, "ADD");
  if (request.config.prevResult !== undefined) {
    throw new CniError(
      cniCodes.invalidConfig,
      "Cannot ADD after another plugin: chaining is not supported (prevResult)",
    );
  }
  using netns = openContainerNetns(attachment.netns);
  using namespaces = new Namespaces(netns);
  const client = request.agentAt(request.config.agentSocket);
  const hostInterface = hostInterfaceName(attachment.containerId, attachment.interfaceName);
  const context: Context = { request, attachment, client, netns, namespaces, hostInterface };
  const agentConfig = await whenAgentAnswers(() => client.getConfig(), request.patience);
  await refuseSecondAdd(context);
  removeLeftovers(namespaces, attachment.interfaceName, hostInterface);
  // Awaited here: the namespace is closed when this function ends.
  return await attach(context, agentConfig);
}

/** The specification lets no runtime ADD twice; answering with an error keeps the first attachment whole. */
async function refuseSecondAdd({ client, attachment }: Context): Promise<void> {
  const { containerId, interfaceName } = attachment;
  let endpoint: Endpoint;
  try {
    endpoint = await client.getEndpoint(attachmentRef(containerId, interfaceName));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return;
    throw error;
  }
  throw new CniError(
    cniCodes.alreadyAttached,
    `Cannot ADD "${interfaceName}" of container "${containerId}": it is endpoint ${endpoint.id} already (DEL it first)`,
  );
}

async function attach(context: Context, agentConfig: DaemonConfiguration): Promise<Answer> {
  const { client, attachment, request, netns, hostInterface } = context;
  const lease = await allocate(context);
  try {
    const addresses = podAddresses(lease);
    const deviceMtu = request.config.mtu || agentConfig.status.deviceMTU;
    const { routeMTU, packetizationLayerPMTUDMode: pmtud } = agentConfig.status;
    const routeMtu = routeMTU > 0 && deviceMtu > 0 ? Math.min(routeMTU, deviceMtu) : routeMTU;
    const { interfaceName } = attachment;
    const spec = { hostInterface, interfaceName, netns, addresses, deviceMtu, routeMtu, pmtud };
    const network = createPodNetwork(context.namespaces, spec);
    const endpoint = await client.putEndpoint(0, endpointRequest(context, lease, network));
    const mac = endpoint.status.networking.mac ?? network.mac;
    if (mac.toLowerCase() !== network.mac) setPodMac(netns, interfaceName, mac);
    const attached = { ...spec, hostMac: network.hostMac, mac, netns: attachment.netns };
    return formatResult(request.config.cniVersion, attached);
  } catch (error) {
    await undo(context, lease);
    throw toCniError(error);
  }
}

async function allocate({ client, attachment, request }: Context): Promise<IPAMResponse> {
  const { namespace, name } = attachment.pod;
  const owner = name === "" ? attachment.containerId : `${namespace}/${name}`;
  try {
    return await client.ipamAllocate({ owner, pool: request.config.pool, expiration: true });
  } catch (error) {
    throw toCniError(error, cniCodes.ipamFailed);
  }
}

function podAddresses(lease: IPAMResponse): PodAddress[] {
  const of = (family: 4 | 6): PodAddress[] => {
    const key = family === 4 ? "ipv4" : "ipv6";
    const address = lease.address[key];
    if (address === undefined || address === "") return [];
    const gateway = lease["host-addressing"][key]?.ip ?? "";
    if (gateway === "") {
      throw new CniError(cniCodes.ipamFailed, `Cannot use address ${address}: the agent named no router for it`);
    }
    return [{ family, address, gateway }];
  };
  const addresses = [...of(4), ...of(6)];
  if (addresses.length === 0) throw new CniError(cniCodes.ipamFailed, "Cannot ADD: the agent gave no address");
  return addresses;
}

function endpointRequest(
  { attachment, netns, hostInterface }: Context,
  lease: IPAMResponse,
  network: PodNetwork,
): EndpointChangeRequest {
  const uuids = {
    ...(lease.ipv4?.["expiration-uuid"] ? { "ipv4-expiration-uuid": lease.ipv4["expiration-uuid"] } : {}),
    ...(lease.ipv6?.["expiration-uuid"] ? { "ipv6-expiration-uuid": lease.ipv6["expiration-uuid"] } : {}),
  };
  const { pod } = attachment;
  return {
    "container-id": attachment.containerId,
    "container-interface-name": attachment.interfaceName,
    "container-netns-path": attachment.netns,
    "netns-cookie": String(netnsCookie(netns)),
    "interface-name": hostInterface,
    "interface-index": network.hostIfindex,
    mac: network.mac,
    "host-mac": network.hostMac,
    addressing: { ...lease.address, ...uuids },
    ...(pod.namespace === "" ? {} : { "k8s-namespace": pod.namespace }),
    ...(pod.name === "" ? {} : { "k8s-pod-name": pod.name }),
    ...(pod.uid === "" ? {} : { "k8s-uid": pod.uid }),
    state: "waiting-for-identity",
    "sync-build-endpoint": true,
  };
}

/** Takes everything back that a failed ADD may have made; what cannot be taken back is logged and expires by itself. */
async function undo(
  { client, attachment, request, netns, hostInterface }: Context,
  lease: IPAMResponse,
): Promise<void> {
  const { containerId, interfaceName } = attachment;
  const attempt = async (what: string, action: () => unknown): Promise<void> => {
    try {
      await action();
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return;
      request.warn(`Cannot undo ${what}: ${errorChain(error)}`);
    }
  };
  await attempt("endpoint", () => client.deleteEndpoint(attachmentRef(containerId, interfaceName)));
  await attempt("device", () => deletePodNetwork(netns, interfaceName, hostInterface));
  for (const address of [lease.address.ipv4, lease.address.ipv6]) {
    if (address) await attempt(`address ${address}`, () => client.ipamRelease(address));
  }
}
