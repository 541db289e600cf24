// SPDX-License-Identifier: Apache-2.0
// ADD: addresses from the agent, the veth pair or the ipvlan device, the endpoint; or, behind another plugin, the endpoint alone. Whatever
// fails, nothing is left behind.
import { setTimeout as sleep } from "node:timers/promises";
import {
  AgentUnreachableError,
  ApiError,
  type DaemonConfiguration,
  type Endpoint,
  type EndpointChangeRequest,
} from "../../../src/api/index.ts";
import { errorChain } from "../../../src/core/index.ts";
import { type Fd, netnsCookie } from "../../../src/kernel/index.ts";
import { findAddresses, type PodAddresses } from "../addresses.ts";
import { type Agent, retryInterval, whenAgentAnswers } from "../agent.ts";
import { attachmentRef, hostInterfaceName } from "../attachment.ts";
import { findChainedDevice } from "../chained-device.ts";
import { isChained } from "../chaining.ts";
import { type AttachmentEnvironment, readAttachment } from "../environment.ts";
import { CniError, cniCodes, toCniError } from "../errors.ts";
import { endpointLabels } from "../labels.ts";
import { openContainerNetns } from "../netns.ts";
import {
  createPodNetwork,
  deletePodNetwork,
  hasOwnDevice,
  Namespaces,
  removeLeftovers,
  setPodMac,
} from "../pod-network.ts";
import type { Answer, Request } from "../request.ts";
import { completePreviousResult, formatResult, readPreviousResult } from "../result.ts";
import { macOf } from "../runtime-config.ts";

interface Context {
  readonly request: Request;
  readonly attachment: AttachmentEnvironment;
  readonly client: Agent;
  readonly agentConfig: DaemonConfiguration;
  readonly netns: Fd;
  readonly namespaces: Namespaces;
  readonly labels: readonly string[];
}

/** Again while the agent ends in the middle, as long as it waits for one at all. */
export async function add(request: Request): Promise<Answer> {
  const attachment = readAttachment(request.env, "ADD");
  using netns = openContainerNetns(attachment.netns);
  using namespaces = new Namespaces(netns);
  const client = request.agentAt(request.config.agentSocket);
  const deadline = performance.now() + request.patience;
  let isBegun = request.isBegun;
  for (;;) {
    const patience = Math.max(0, deadline - performance.now());
    const agentConfig = await whenAgentAnswers(() => client.getConfig(), patience);
    try {
      if (isBegun) await removeBegun(client, attachment);
      else await refuseSecondAdd(client, attachment, namespaces);
      if (!isBegun) request.onBegun();
      isBegun = true;
      await refuseSendingLimit(client, request);
      const labels = await endpointLabels(request, attachment, agentConfig);
      const context: Context = { request, attachment, client, agentConfig, netns, namespaces, labels };
      return await (isChained(request.config, agentConfig) ? attachChained(context) : attach(context));
    } catch (error) {
      if (!isOfAnEndedAgent(error) || performance.now() > deadline) throw error;
      request.warn(`The agent ended in the middle, trying again: ${errorChain(error)}`);
    }
    await sleep(retryInterval);
  }
}

/** An agent that starts does not know what the one before lent. */
function isOfAnEndedAgent(error: unknown): boolean {
  const reason = error instanceof CniError ? error.cause : error;
  if (reason instanceof AgentUnreachableError) return true;
  return reason instanceof ApiError && reason.status === 400 && reason.message.includes("Cannot claim address");
}

/** The agent may have stored the endpoint of an attempt whose answer never came. */
async function removeBegun(client: Agent, { containerId, interfaceName }: AttachmentEnvironment): Promise<void> {
  try {
    await client.deleteEndpoint(attachmentRef(containerId, interfaceName));
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
  }
}

/** The qdisc that `bandwidth` makes for it cannot be beside the one of filters. */
async function refuseSendingLimit(client: Agent, { config }: Request): Promise<void> {
  if (!config.runtimeConfig.limitsSending) return;
  const { "attach-mode": mode } = await client.healthz({ requireK8s: false });
  if (mode !== "tc") return;
  throw new CniError(
    cniCodes.unsupportedField,
    'Cannot use "runtimeConfig.bandwidth.egressRate": limits of what a container sends need tcx, and the agent attaches its programs by tc (take the limit away, set enable-tcx, or use a kernel from 6.6 on)',
  );
}

/**
 * The specification lets no runtime ADD twice; answering with an error keeps the first attachment whole. One whose device
 * is gone is none: the container ended without DEL, or the machine started again.
 */
async function refuseSecondAdd(client: Agent, attachment: AttachmentEnvironment, on: Namespaces): Promise<void> {
  const { containerId, interfaceName } = attachment;
  let endpoint: Endpoint;
  try {
    endpoint = await client.getEndpoint(attachmentRef(containerId, interfaceName));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return;
    throw error;
  }
  const { "interface-name": name = "", "interface-index": ifindex } = endpoint.status.networking;
  const device = on.host.link(name);
  // An ipvlan slave has nothing on the host.
  const isThere = device === undefined ? hasOwnDevice(on.pod, interfaceName) : device.ifindex === ifindex;
  if (!isThere) return await removeBegun(client, attachment);
  throw new CniError(
    cniCodes.alreadyAttached,
    `Cannot ADD "${interfaceName}" of container "${containerId}": it is endpoint ${endpoint.id} already (DEL it first)`,
  );
}

async function attach(context: Context): Promise<Answer> {
  const { client, attachment, request, netns, namespaces, agentConfig } = context;
  const { interfaceName, wanted } = attachment;
  const hostInterface = hostInterfaceName(attachment.containerId, interfaceName);
  removeLeftovers(namespaces, interfaceName, hostInterface);
  const wantedMac =
    request.config.runtimeConfig.mac ?? (wanted.mac === "" ? undefined : macOf(wanted.mac, "CNI_ARGS MAC"));
  const found = await findAddresses(client, request, attachment, agentConfig);
  try {
    const deviceMtu = request.config.mtu || agentConfig.status.deviceMTU;
    const { routeMTU, packetizationLayerPMTUDMode: pmtud } = agentConfig.status;
    const routeMtu = routeMTU > 0 && deviceMtu > 0 ? Math.min(routeMTU, deviceMtu) : routeMTU;
    const { addresses } = found;
    const mac = wantedMac === undefined ? {} : { mac: wantedMac };
    const { ipvlanConfiguration: ipvlan } = agentConfig.status;
    const master = ipvlan === undefined ? {} : { master: ipvlan.masterDeviceIndex };
    const spec = { hostInterface, interfaceName, netns, addresses, deviceMtu, routeMtu, pmtud, ...mac, ...master };
    const network = createPodNetwork(namespaces, spec);
    const endpoint = await client.putEndpoint(0, {
      ...commonRequest(context),
      "interface-name": hostInterface,
      "interface-index": network.hostIfindex,
      mac: network.mac,
      "host-mac": network.hostMac,
      addressing: found.addressing,
      ...(request.config.throughStack && { "datapath-configuration": { "require-routing": false } }),
    });
    const finalMac = (endpoint.status.networking.mac ?? network.mac).toLowerCase();
    if (finalMac !== network.mac) setPodMac(netns, interfaceName, finalMac);
    const attached = { ...spec, hostMac: network.hostMac, mac: finalMac, netns: attachment.netns };
    return formatResult(request.config.cniVersion, attached);
  } catch (error) {
    await undo(context, found, () => deletePodNetwork(netns, interfaceName, hostInterface));
    throw toCniError(error);
  }
}

/** The network stays the other plugin's; what that one said is the answer. */
async function attachChained(context: Context): Promise<Answer> {
  const { client, attachment, request, namespaces } = context;
  const { config } = request;
  const said = readPreviousResult(config.prevResult, attachment.interfaceName);
  const { pod, host, ips } = findChainedDevice(namespaces, attachment.interfaceName, said);
  const [ipv4, ipv6] = [ips.find((ip) => !ip.includes(":")), ips.find((ip) => ip.includes(":"))];
  try {
    await client.putEndpoint(0, {
      ...commonRequest(context),
      "interface-name": host.name,
      "interface-index": host.ifindex,
      "parent-interface-index": host.master ?? 0,
      mac: pod.mac,
      "host-mac": host.mac,
      addressing: { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) },
      "datapath-configuration": {
        "require-arp-passthrough": true,
        "require-egress-prog": true,
        "external-ipam": true,
        "require-routing": false,
      },
    });
    return completePreviousResult(config.prevResult, config.cniVersion, {
      interfaceName: attachment.interfaceName,
      mac: pod.mac,
      netns: attachment.netns,
    });
  } catch (error) {
    await undo(context, { lent: [] });
    throw toCniError(error);
  }
}

function commonRequest({ attachment, netns, request, labels }: Context): EndpointChangeRequest {
  const { pod } = attachment;
  return {
    "container-id": attachment.containerId,
    "container-interface-name": attachment.interfaceName,
    "container-netns-path": attachment.netns,
    "netns-cookie": String(netnsCookie(netns)),
    ...(pod.namespace === "" ? {} : { "k8s-namespace": pod.namespace }),
    ...(pod.name === "" ? {} : { "k8s-pod-name": pod.name }),
    ...(pod.uid === "" ? {} : { "k8s-uid": pod.uid }),
    ...(labels.length === 0 ? {} : { labels }),
    properties: { "cni-network": request.config.name },
    state: "waiting-for-identity",
    "sync-build-endpoint": true,
  };
}

/** Takes everything back that a failed ADD may have made; what cannot be taken back is logged and expires by itself. */
async function undo(
  { client, attachment, request }: Context,
  { lent }: Pick<PodAddresses, "lent">,
  deleteDevice?: () => void,
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
  if (deleteDevice !== undefined) await attempt("device", deleteDevice);
  for (const address of lent) await attempt(`address ${address}`, () => client.ipamRelease(address));
}
