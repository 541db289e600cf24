// SPDX-License-Identifier: Apache-2.0
// DEL: the endpoint goes, then the devices. Everything may be gone already; an agent that is down does it later.
import { hostInterfaceName } from "../attachment.ts";
import { deleteAttachment } from "../delete-attachment.ts";
import { readAttachment } from "../environment.ts";
import { toCniError } from "../errors.ts";
import { tryOpenContainerNetns } from "../netns.ts";
import { deletePodNetwork } from "../pod-network.ts";
import type { Answer, Request } from "../request.ts";

const callTimeout = 30_000;

export async function del({ config, env, agentAt, warn }: Request): Promise<Answer> {
  const { containerId, interfaceName, netns: path } = readAttachment(env, "DEL");
  const { agentSocket } = config;
  let failure: unknown;
  try {
    const client = agentAt(agentSocket, callTimeout);
    await deleteAttachment({ client, agentSocket, containerId, interfaceName, warn });
  } catch (error) {
    failure = error;
  }
  using netns = tryOpenContainerNetns(path);
  deletePodNetwork(netns, interfaceName, hostInterfaceName(containerId, interfaceName));
  if (failure !== undefined) throw toCniError(failure);
  return undefined;
}
