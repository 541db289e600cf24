// SPDX-License-Identifier: Apache-2.0
// The agent itself: status, version, configuration, metrics, debug information, the kernel's features.
import { checkBody } from "../check-body.ts";
import { DaemonConfigurationSpec } from "../models/request.ts";
import type { Route } from "../router.ts";

export const healthRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/healthz",
    summary: "Get the state of the agent and its parts",
    headers: {
      brief: { type: "boolean", about: "Only what tells whether the agent is well" },
      "require-k8s-connectivity": { type: "boolean", about: "Count an unreachable Kubernetes API as a failure" },
    },
    answers: { 200: "StatusResponse" },
    handle: async ({ api, header }) => ({
      status: 200,
      body: await api.healthz({
        brief: header("brief") === "true",
        requireK8s: header("require-k8s-connectivity") !== "false",
      }),
    }),
  },
  {
    method: "GET",
    path: "/version",
    summary: "Get the version of the agent",
    answers: { 200: "VersionInfo" },
    handle: ({ api }) => ({ status: 200, body: api.version() }),
  },
  {
    method: "GET",
    path: "/config",
    summary: "Get the configuration: what may be changed, and what the agent was started with",
    answers: { 200: "DaemonConfiguration" },
    handle: async ({ api }) => ({ status: 200, body: await api.getConfig() }),
  },
  {
    method: "PATCH",
    path: "/config",
    summary: "Change options; what is left out stays as it is, and one bad value refuses all",
    body: "DaemonConfigurationSpec",
    answers: { 200: "DaemonConfiguration" },
    errors: [400, 500],
    handle: async ({ api, body }) => {
      const spec = checkBody(DaemonConfigurationSpec, await body(), "configuration");
      return { status: 200, body: await api.patchConfig(spec) };
    },
  },
  {
    method: "GET",
    path: "/metrics",
    summary: "Get all metrics: as JSON, or with accept: text/plain in Prometheus' text form",
    headers: { accept: { type: "string", about: "text/plain for Prometheus' text form" } },
    answers: { 200: ["Metric[]", "text"] },
    errors: [500],
    handle: async ({ api, header }) => {
      const plain = header("accept")?.includes("text/plain") === true;
      return { status: 200, body: plain ? await api.metricsText() : await api.metrics() };
    },
  },
  {
    method: "GET",
    path: "/debuginfo",
    summary: "Get what the agent knows, for finding faults; secrets are redacted",
    answers: { 200: "DebugInfo" },
    errors: [500],
    handle: async ({ api }) => ({ status: 200, body: await api.debugInfo() }),
  },
  {
    method: "GET",
    path: "/cgroup-dump-metadata",
    summary: "List the cgroups of the pods on this node",
    answers: { 200: "CgroupDumpMetadata" },
    errors: [500],
    handle: async ({ api }) => ({ status: 200, body: await api.cgroups() }),
  },
  {
    method: "GET",
    path: "/features",
    summary: "List what was probed in the kernel, with what happens without it",
    answers: { 200: "KernelFeatures" },
    handle: async ({ api }) => ({ status: 200, body: await api.features() }),
  },
  {
    method: "GET",
    path: "/openapi.json",
    summary: "Get this description",
    answers: { 200: "object" },
    handle: async () => {
      // Loaded when somebody asks: no call needs it otherwise.
      const [{ describe }, { agentRoutes }] = await Promise.all([import("../openapi.ts"), import("./registry.ts")]);
      return { status: 200, body: describe(agentRoutes) };
    },
  },
];
