// SPDX-License-Identifier: Apache-2.0
// cilium-health's API, below /v1beta on a socket of its own.
import { loadavg } from "node:os";
import { formatDuration } from "../../core/index.ts";
import { ApiError } from "../errors.ts";
import type { Route, RouteGroup } from "../router.ts";
import type { AgentApi, ClusterHealthApi } from "../types.ts";

function healthOf({ clusterHealth }: AgentApi): ClusterHealthApi {
  if (clusterHealth !== undefined) return clusterHealth;
  throw new ApiError(501, "Cannot tell of the nodes: they are not probed (set enable-health-checking)");
}

/** Base path of cilium-health's API. */
export const clusterHealthBase = "/v1beta";

const list: readonly Route[] = [
  {
    method: "GET",
    path: "/healthz",
    summary: "Get the state of the agent and its machine; an error when nodes are not probed",
    answers: { 200: "HealthResponse" },
    errors: [501],
    handle: async ({ api }) => {
      healthOf(api);
      const [last1min, last5min, last15min] = loadavg().map((load) => load.toFixed(2));
      return {
        status: 200,
        body: {
          cilium: await api.healthz({ brief: false, requireK8s: true }),
          "system-load": { last1min, last5min, last15min },
          uptime: formatDuration(Math.floor(process.uptime()) * 1000),
        },
      };
    },
  },
  {
    method: "GET",
    path: "/status",
    summary: "Get what the probes so far found",
    answers: { 200: "HealthStatusResponse" },
    errors: [501],
    handle: ({ api }) => ({ status: 200, body: healthOf(api).status() }),
  },
  {
    method: "PUT",
    path: "/status/probe",
    summary: "Probe everything now, and get what that found",
    answers: { 200: "HealthStatusResponse" },
    errors: [501],
    handle: async ({ api }) => ({ status: 200, body: await healthOf(api).probe() }),
  },
  {
    method: "GET",
    path: "/openapi.json",
    summary: "Get this description",
    answers: { 200: "object" },
    handle: async () => {
      const { describe } = await import("../openapi.ts");
      return { status: 200, body: describe(clusterHealthRoutes) };
    },
  },
];

/** What the health socket serves. */
export const clusterHealthRoutes: readonly RouteGroup[] = [{ base: clusterHealthBase, list }];
