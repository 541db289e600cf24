// SPDX-License-Identifier: Apache-2.0
// DEL: the endpoint goes, then the devices. Everything may be gone already; an agent that is down does it later.
import { rmSync } from "node:fs";
import { AgentUnreachableError, ApiError, deleteQueueDirectory, enqueueDelete } from "../../../src/api/index.ts";
import { errorChain } from "../../../src/core/index.ts";
import type { Agent } from "../agent.ts";
import { attachmentRef, hostInterfaceName } from "../attachment.ts";
import { type AttachmentEnvironment, readAttachment } from "../environment.ts";
import { toCniError } from "../errors.ts";
import { tryOpenContainerNetns } from "../netns.ts";
import { deletePodNetwork } from "../pod-network.ts";
import type { Answer, Request } from "../request.ts";

const callTimeout = 30_000;

export async function del(request: Request): Promise<Answer> {
  const attachment = readAttachment(request.env, "DEL");
  let failure: unknown;
  try {
    await deleteEndpoint(request, attachment);
  } catch (error) {
    failure = error;
  }
  const { containerId, interfaceName } = attachment;
  using netns = tryOpenContainerNetns(attachment.netns);
  deletePodNetwork(netns, interfaceName, hostInterfaceName(containerId, interfaceName));
  if (failure !== undefined) throw toCniError(failure);
  return undefined;
}

async function deleteEndpoint(request: Request, attachment: AttachmentEnvironment): Promise<void> {
  const client = request.agentAt(request.config.agentSocket, callTimeout);
  if (await agentDeletes(client, attachment, request.warn)) return;
  const path = enqueueDelete(deleteQueueDirectory(request.config.agentSocket), {
    "container-id": attachment.containerId,
    "container-interface-name": attachment.interfaceName,
  });
  // An agent that came up meanwhile may have read the queue before this file was in it.
  if (await agentDeletes(client, attachment, request.warn)) rmSync(path, { force: true });
  else request.warn(`The agent does not answer: deletion queued as ${path}`);
}

/** False when nobody answers. Throws when the agent is busy, so that the runtime comes again. */
async function agentDeletes(
  client: Agent,
  { containerId, interfaceName }: AttachmentEnvironment,
  warn: Request["warn"],
): Promise<boolean> {
  try {
    const { errors } = await client.deleteEndpoint(attachmentRef(containerId, interfaceName));
    if (errors > 0) warn(`The agent deleted the endpoint with ${errors} errors`);
    return true;
  } catch (error) {
    if (error instanceof AgentUnreachableError) return false;
    if (!(error instanceof ApiError) || error.status === 429 || error.status === 503) throw error;
    if (error.status !== 404) warn(`The agent did not delete the endpoint: ${errorChain(error)}`);
    return true;
  }
}
