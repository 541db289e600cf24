// SPDX-License-Identifier: Apache-2.0
// The block `Cluster health` of `status` and of `cilium-health status`.
import type { HealthStatusResponse, HostStatus, NodeHealthStatus, PathStatus } from "../../../src/api/index.ts";
import { alignLines, type Line } from "../output/table.ts";

/** How much of it is shown. */
export interface ClusterHealthOptions {
  /** Healthy nodes too. */
  readonly allNodes: boolean;
  /** Only how many nodes are reachable. */
  readonly succinct: boolean;
  /** Each path of the nodes that are shown. */
  readonly verbose: boolean;
}

/** More nodes than these are not shown, unless all are wanted. */
const shownNodes = 10;

/** The summary, then a line for each node that is not well, then the paths. */
export function formatClusterHealth(status: HealthStatusResponse, options: ClusterHealthOptions): string[] {
  const { nodes } = status;
  const reachable = nodes.filter((node) => isReachable(node)).length;
  const counted = `${reachable}/${nodes.length} reachable`;
  const summary = ["Cluster health:", counted, `(${status.timestamp})`, `(Probe interval: ${status.probeInterval})`];
  const wanted = options.allNodes ? nodes : nodes.filter((node) => !isReachable(node));
  if (options.succinct || wanted.length === 0) return alignLines([summary]);
  const shown = options.allNodes ? wanted : wanted.slice(0, shownNodes);
  const rows = shown.map((node) => nodeLine(node, status.local.name));
  return [
    ...alignLines([summary]),
    ...alignLines([["Name", "IP", "Node", "Endpoints"], ...rows]),
    ...(shown.length < wanted.length ? ["  ..."] : []),
    ...(options.verbose ? alignLines(shown.flatMap(pathLines)) : []),
  ];
}

function nodeLine(node: NodeHealthStatus, self: string): Line {
  const name = node.name === self ? `${node.name} (localhost)` : node.name;
  const ips = pathsOf(node.host).map(({ ip }) => ip);
  return [`  ${name}`, ips.join(","), counts(pathsOf(node.host)), counts(pathsOf(node["health-endpoint"]))];
}

/** `1/2 (1 unknown)`: addresses that answer, of all. */
function counts(paths: readonly PathStatus[]): string {
  const unknown = paths.filter((path) => pathState(path) === undefined).length;
  const answering = paths.filter((path) => pathState(path) === true).length;
  return `${answering}/${paths.length}${unknown > 0 ? ` (${unknown} unknown)` : ""}`;
}

function pathLines(node: NodeHealthStatus): Line[] {
  const paths = ["host" as const, "health-endpoint" as const].flatMap((kind) =>
    pathsOf(node[kind]).flatMap((path): Line[] => [
      [`  ${kind === "host" ? "Host" : "Endpoint"} connectivity to ${path.ip}:`],
      ["    ICMP to stack:", resultText(path.icmp)],
      ["    HTTP to agent:", resultText(path.http)],
    ]),
  );
  return paths.length === 0 ? [] : [[`${node.name}:`], ...paths];
}

function resultText(result: PathStatus["icmp"]): string {
  if (result === undefined) return "not probed yet";
  return result.status === "" ? `OK, RTT=${latencyText(result.latency)}` : result.status;
}

/** `812.5µs`, `1.204ms`. */
function latencyText(nanoseconds: number): string {
  const [value, unit] = nanoseconds < 1e6 ? [nanoseconds / 1e3, "µs"] : [nanoseconds / 1e6, "ms"];
  return `${Number(value.toFixed(3))}${unit}`;
}

function pathsOf(host: HostStatus | undefined): readonly PathStatus[] {
  const primary = host?.["primary-address"];
  return [...(primary === undefined ? [] : [primary]), ...(host?.["secondary-addresses"] ?? [])];
}

function pathState({ icmp, http }: PathStatus): boolean | undefined {
  if (icmp === undefined || http === undefined) return undefined;
  return icmp.status === "" && http.status === "";
}

function isReachable(node: NodeHealthStatus): boolean {
  const paths = [...pathsOf(node.host), ...pathsOf(node["health-endpoint"])];
  return paths.length > 0 && paths.every((path) => pathState(path) === true);
}
