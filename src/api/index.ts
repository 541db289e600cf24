// SPDX-License-Identifier: Apache-2.0
// The only import door of src/api.
export {
  agentSocketPath,
  defaultAgentSocket,
  healthSocketPath,
  monitorSocketPath,
  shellSocketPath,
} from "./agent-socket.ts";
export { AgentClient, type AgentClientOptions, type IpamQuery } from "./client.ts";
export { deleteQueueDirectory, enqueueDelete, type QueuedDelete, replayDeleteQueue } from "./delete-queue.ts";
export { parseEndpointId } from "./endpoint-id.ts";
export { AgentUnreachableError, ApiError } from "./errors.ts";
export {
  type AgentNotification,
  type AgentNotify,
  agentNotifications,
  agentNotifyType,
  decodeAgentNotify,
  encodeAgentNotify,
} from "./gob/agent-notify.ts";
export { HealthClient } from "./health-client.ts";
export type * from "./models.ts";
export { readMonitor } from "./monitor-client.ts";
export { createMonitorServer, type MonitorServer, type MonitorServerOptions } from "./monitor-server.ts";
export type { LimiterState, RateLimit } from "./rate-limit.ts";
export {
  noRateLimits,
  parseRateLimits,
  type RateLimitName,
  type RateLimits,
  rateLimitsExpected,
  rateLimitsWith,
  unlimited,
} from "./rate-limits.ts";
export { clusterHealthRoutes } from "./routes/cluster-health.ts";
export { type AnsweredCall, type ApiServer, type ApiServerOptions, createApiServer } from "./server.ts";
export {
  askShell,
  createShellServer,
  maxSessions,
  ShellClient,
  type ShellOutput,
  type ShellServerOptions,
} from "./shell/index.ts";
export type {
  AgentApi,
  ClusterHealthApi,
  DeleteResult,
  EndpointRef,
  IpamRequest,
  MapEventOptions,
  MonitorRecord,
  PrefilterApi,
  StatedbApi,
} from "./types.ts";
export { listenUnix } from "./unix-socket.ts";
