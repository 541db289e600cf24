// SPDX-License-Identifier: Apache-2.0
// Status, version, configuration, metrics and maps of the agent.
import { ApiError } from "../errors.ts";
import type { DaemonConfigurationSpec } from "../models.ts";
import type { Route } from "../router.ts";
import { checkBody, configurationSpec } from "../schemas.ts";

export const healthRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/healthz",
    handle: async ({ api, header }) => ({
      status: 200,
      body: await api.healthz({
        brief: header("brief") === "true",
        requireK8s: header("require-k8s-connectivity") !== "false",
      }),
    }),
  },
  { method: "GET", path: "/version", handle: ({ api }) => ({ status: 200, body: api.version() }) },
  { method: "GET", path: "/config", handle: async ({ api }) => ({ status: 200, body: await api.getConfig() }) },
  {
    method: "PATCH",
    path: "/config",
    handle: async ({ api, body }) => {
      const spec = checkBody(configurationSpec, await body(), "configuration") as DaemonConfigurationSpec;
      return { status: 200, body: await api.patchConfig(spec) };
    },
  },
  { method: "GET", path: "/metrics", handle: async ({ api }) => ({ status: 200, body: await api.metrics() }) },
  {
    method: "GET",
    path: "/map",
    handle: async ({ api }) => {
      if (api.mapList === undefined) throw new ApiError(501, "Cannot list maps: not supported by this agent");
      return { status: 200, body: await api.mapList() };
    },
  },
];
