// SPDX-License-Identifier: Apache-2.0
// What probing the nodes found, as cilium-health's API has it.
import type {
  AgentApi,
  ComponentStatus,
  ConnectivityStatus,
  HealthStatusResponse,
  HostStatus,
  PathStatus,
} from "../../../src/api/index.ts";
import { formatDuration } from "../../../src/core/index.ts";
import {
  brokenPaths,
  firstOf,
  type HealthModule,
  type HealthRow,
  healthKey,
  medianLatency,
  nodesHealth,
  type PathMtuModule,
  type PathState,
} from "../../../src/health/index.ts";

type PathMtus = Pick<PathMtuModule, "table"> | undefined;

export function createClusterHealthCalls(
  health: HealthModule | undefined,
  pathMtu: PathMtus,
  self: string,
): Pick<AgentApi, "clusterHealth"> {
  if (health === undefined) return {};
  const status = () => toStatus(health, pathMtu, self);
  const probe = async () => {
    await health.probeAll();
    return status();
  };
  return { clusterHealth: { status, probe } };
}

/** The line of `cilium status`: the daemon is well when it probes; what it finds is the cluster's. */
export function healthComponent(health: HealthModule | undefined, self: string): ComponentStatus {
  if (health === undefined) return { state: "Disabled" };
  const msg = firstOf(brokenPaths(health.table, self));
  return msg === undefined ? { state: "Ok" } : { state: "Ok", msg };
}

function toStatus(health: HealthModule, pathMtu: PathMtus, self: string): HealthStatusResponse {
  const newest = Math.max(
    0,
    ...Array.from(health.table.all(), ({ icmp, http }) => Math.max(icmp.lastProbed, http.lastProbed)),
  );
  const toHost = ([primary, ...secondary]: readonly HealthRow[]): HostStatus => ({
    ...(primary === undefined ? {} : { "primary-address": toPath(primary, pathMtu) }),
    ...(secondary.length === 0 ? {} : { "secondary-addresses": secondary.map((row) => toPath(row, pathMtu)) }),
  });
  return {
    timestamp: new Date(newest).toISOString(),
    probeInterval: formatDuration(Math.round(health.intervalMs)),
    local: { name: self },
    nodes: nodesHealth(health.table).map(({ node, host, endpoint }) => ({
      name: node,
      ...(host.length === 0 ? {} : { host: toHost(host) }),
      ...(endpoint.length === 0 ? {} : { "health-endpoint": toHost(endpoint) }),
    })),
  };
}

function toPath(row: HealthRow, pathMtu: PathMtus): PathStatus {
  const { ip, icmp, http } = row;
  const found = pathMtu?.table.get(healthKey(row));
  const mtu =
    found?.measured === undefined
      ? {}
      : {
          mtu: {
            ...{ expected: found.expected, measured: found.measured },
            lastProbed: new Date(found.lastProbed).toISOString(),
          },
        };
  return { ip, ...toConnectivity("icmp", icmp), ...toConnectivity("http", http), ...mtu };
}

function toConnectivity(name: "icmp" | "http", state: PathState): Partial<PathStatus> {
  const { last, lastProbed } = state;
  if (last === undefined) return {};
  const median = medianLatency(state);
  const status: ConnectivityStatus = {
    latency: last.ok ? last.latencyNs : 0,
    ...(median === undefined ? {} : { medianLatency: median }),
    status: last.ok ? "" : last.problem,
    lastProbed: new Date(lastProbed).toISOString(),
  };
  return { [name]: status };
}
