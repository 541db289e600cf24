// SPDX-License-Identifier: Apache-2.0
// The agent's calls without its socket, for the plugin inside the agent.
import { ApiError, parseEndpointId } from "../../src/api/index.ts";
import { createLogger, errorChain } from "../../src/core/index.ts";
import type { Agent, LocalApi } from "./agent.ts";

const log = createLogger("cni");

/** Answers as AgentClient does: ApiError 404 for what is not there, 500 for what nobody expected. */
export function createLocalAgent(api: LocalApi): Agent {
  return {
    getConfig: () => answer("get config", async () => await api.getConfig()),
    getEndpoint: (id) => answer("get endpoint", async () => found(id, await api.getEndpoint(parseEndpointId(id)))),
    listEndpoints: (labels = []) => answer("list endpoints", async () => [...(await api.listEndpoints(labels))]),
    putEndpoint: (id, request) => answer("put endpoint", async () => await api.putEndpoint(id, request)),
    deleteEndpoint: (id) =>
      answer("delete endpoint", async () => {
        const { errors } = found(id, await api.deleteEndpoint(parseEndpointId(id)));
        return { errors: errors.length };
      }),
    endpointHealth: (id) =>
      answer("get endpoint health", async () => found(id, await api.endpointHealth(parseEndpointId(id)))),
    healthz: ({ brief = false, requireK8s = false } = {}) =>
      answer("get health", async () => await api.healthz({ brief, requireK8s })),
    ipamAllocate: ({ family, owner = "", pool = "default", expiration = false }) =>
      answer("allocate addresses", async () =>
        api.ipamAllocate({ ...(family === undefined ? {} : { family }), owner, pool, expiration }),
      ),
    ipamRelease: (address) => answer("release address", async () => await api.ipamRelease(address, "")),
  };
}

function found<T>(id: string, value: T | undefined): T {
  if (value === undefined) throw new ApiError(404, `Cannot find endpoint "${id}": no such endpoint`);
  return value;
}

async function answer<T>(call: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    if (thrown instanceof ApiError) throw thrown;
    log.error("A call of the CNI plugin failed", { call, error: errorChain(thrown) });
    throw new ApiError(500, errorChain(thrown), thrown);
  }
}
