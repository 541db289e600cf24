// SPDX-License-Identifier: Apache-2.0
// Models of cilium-health's API (base /v1beta), with its JSON names.
import { z } from "zod";
import { count, longText, type Model, optional, time } from "./schema.ts";
import { StatusResponse } from "./status.ts";

export const ConnectivityStatus = z
  .strictObject({
    latency: count.describe("Nanoseconds; 0 when it did not answer"),
    medianLatency: optional(count.describe("Nanoseconds; of the last 30 probes that were answered")),
    status: longText.describe("Empty when it answered, else the problem"),
    lastProbed: time,
  })
  .describe("One address by one protocol");

export const PathMtu = z
  .strictObject({
    expected: count.describe("Bytes that devices and routes of this node let be sent"),
    measured: count.describe("Largest packet that came back; less than expected: larger ones are lost"),
    lastProbed: time,
  })
  .describe("How large packets may be, IP header included");

export const PathStatus = z
  .strictObject({
    ip: longText,
    icmp: optional(ConnectivityStatus),
    http: optional(ConnectivityStatus),
    mtu: optional(PathMtu),
  })
  .describe("One address that is probed; protocols that were not probed yet are absent");

export const HostStatus = z.strictObject({
  "primary-address": optional(PathStatus),
  "secondary-addresses": optional(z.array(PathStatus)),
});

export const NodeHealthStatus = z.strictObject({
  name: longText.describe("cluster/name"),
  host: optional(HostStatus),
  "health-endpoint": optional(HostStatus),
});

export const HealthStatusResponse = z.strictObject({
  timestamp: time,
  probeInterval: longText.describe("Of a round, such as 1m36s"),
  local: z.strictObject({ name: longText }),
  nodes: z.array(NodeHealthStatus),
});

export const HealthResponse = z
  .strictObject({
    cilium: StatusResponse,
    "system-load": z
      .strictObject({ last1min: longText, last5min: longText, last15min: longText })
      .describe("Runnable processes on average, such as 0.42"),
    uptime: longText.describe("Of the agent, such as 1m15s"),
  })
  .describe("The agent and its machine");

export type ConnectivityStatus = Model<typeof ConnectivityStatus>;
export type PathStatus = Model<typeof PathStatus>;
export type HostStatus = Model<typeof HostStatus>;
export type NodeHealthStatus = Model<typeof NodeHealthStatus>;
export type HealthResponse = Model<typeof HealthResponse>;
export type HealthStatusResponse = Model<typeof HealthStatusResponse>;
