// SPDX-License-Identifier: Apache-2.0
// cilium-health's API, below /v1beta on a socket of its own.
import { ApiError } from "../errors.ts";
import type { Route } from "../router.ts";
import type { AgentApi, ClusterHealthApi } from "../types.ts";

function healthOf({ clusterHealth }: AgentApi): ClusterHealthApi {
  if (clusterHealth !== undefined) return clusterHealth;
  throw new ApiError(501, "Cannot tell of the nodes: they are not probed (set enable-health-checking)");
}

/** Base path of `clusterHealthRoutes`. */
export const clusterHealthBase = "/v1beta";

export const clusterHealthRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/healthz",
    handle: ({ api }) => {
      healthOf(api);
      return { status: 200, body: { uptime: `${Math.floor(process.uptime())}s` } };
    },
  },
  { method: "GET", path: "/status", handle: ({ api }) => ({ status: 200, body: healthOf(api).status() }) },
  {
    method: "PUT",
    path: "/status/probe",
    handle: async ({ api }) => ({ status: 200, body: await healthOf(api).probe() }),
  },
];
