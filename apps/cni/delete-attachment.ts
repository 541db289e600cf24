// SPDX-License-Identifier: Apache-2.0
// Deleting an attachment's endpoint; an agent that is down does it later.
import { rmSync } from "node:fs";
import { AgentUnreachableError, ApiError, deleteQueueDirectory, enqueueDelete } from "../../src/api/index.ts";
import { errorChain } from "../../src/core/index.ts";
import type { Agent } from "./agent.ts";
import { attachmentRef } from "./attachment.ts";

export interface AttachmentDelete {
  readonly client: Pick<Agent, "deleteEndpoint">;
  /** Beside it deletions wait while nobody answers there. */
  readonly agentSocket: string;
  readonly containerId: string;
  readonly interfaceName: string;
  readonly warn: (message: string) => void;
}

/** Nothing there is fine. Throws ApiError when the agent is busy, so that the runtime comes again. */
export async function deleteAttachment(request: AttachmentDelete): Promise<void> {
  if (await agentDeletes(request)) return;
  const path = enqueueDelete(deleteQueueDirectory(request.agentSocket), {
    "container-id": request.containerId,
    "container-interface-name": request.interfaceName,
  });
  // An agent that came up meanwhile may have read the queue before this file was in it.
  if (await agentDeletes(request)) rmSync(path, { force: true });
  else request.warn(`The agent does not answer: deletion queued as ${path}`);
}

/** False when nobody answers. */
async function agentDeletes({ client, containerId, interfaceName, warn }: AttachmentDelete): Promise<boolean> {
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
