// SPDX-License-Identifier: Apache-2.0
// Does the deletions that the CNI plugin queued while the agent was down.
import { type AgentApi, type EndpointBatchDeleteRequest, deleteQueueDirectory, replayDeleteQueue } from "../../src/api/index.ts";
import { CiliumError, createLogger, type Module } from "../../src/core/index.ts";

const log = createLogger("delete-queue");

export function createDeleteReplay(socketPath: string, api: Pick<AgentApi, "deleteEndpoints">): Module {
  return {
    name: "delete-queue",
    async start() {
      const { done, errors } = await replayDeleteQueue(deleteQueueDirectory(socketPath), async (request: EndpointBatchDeleteRequest) => {
        const result = await api.deleteEndpoints({ containerId: request["container-id"] });
        if (result.errors.length > 0) throw new CiliumError(result.errors.join("; "));
      });
      if (done > 0) log.info("Did the deletions that waited for the agent", { done });
      for (const error of errors) log.warn("A queued deletion failed", { error });
    },
  };
}
