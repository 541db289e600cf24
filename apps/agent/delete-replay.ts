// SPDX-License-Identifier: Apache-2.0
// Does the deletions that the CNI plugin queued while the agent was down.
import { type AgentApi, deleteQueueDirectory, replayDeleteQueue } from "../../src/api/index.ts";
import { CiliumError, createLogger, type Module } from "../../src/core/index.ts";

const log = createLogger("delete-queue");

export function createDeleteReplay(socketPath: string, api: Pick<AgentApi, "deleteEndpoint">): Module {
  return {
    name: "delete-queue",
    async start() {
      const { done, errors } = await replayDeleteQueue(deleteQueueDirectory(socketPath), async (ref) => {
        const result = await api.deleteEndpoint(ref);
        if (result !== undefined && result.errors.length > 0) throw new CiliumError(result.errors.join("; "));
      });
      if (done > 0) log.info("Did the deletions that waited for the agent", { done });
      for (const error of errors) log.warn("A queued deletion failed", { error });
    },
  };
}
