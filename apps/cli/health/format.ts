// SPDX-License-Identifier: Apache-2.0
// The block `Cluster health` of `status` and of `cilium-health status`.
import type { HealthStatusResponse, HostStatus, NodeHealthStatus, PathStatus } from "../../../src/api/index.ts";
import { formatDuration } from "../../../src/core/index.ts";
import { alignLines, type Line } from "../output/table.ts";

/** How much of it is shown. */
export interface ClusterHealthOptions {
  /** Healthy nodes too. */
  readonly allNodes: boolean;
  /** Each path of the nodes that are shown, not a line for each node. */
  readonly verbose: boolean;
  /** How many nodes are shown. */
  readonly atMost: number;
}

/** The block on its own. */
export function formatClusterHealth(status: HealthStatusResponse, options: ClusterHealthOptions): string[] {
  return alignLines(clusterHealthLines(status, options));
}

/**
 * The summary, a header, then the nodes that are not well (or all), this one first. Unlike in Cilium, a node that was
 * not probed yet is not reachable.
 */
export function clusterHealthLines(status: HealthStatusResponse, options: ClusterHealthOptions): Line[] {
  const { nodes } = status;
  const reachable = nodes.filter((node) => isReachable(node)).length;
  const counted = `${reachable}/${nodes.length} reachable`;
  const self = status.local.name;
  const wanted = nodes
    .filter((node) => options.allNodes || !isReachable(node))
    .toSorted((a, b) => Number(b.name === self) - Number(a.name === self) || (a.name < b.name ? -1 : 1));
  const shown = wanted.slice(0, options.atMost);
  return [
    ["Cluster health:", counted, `(${status.timestamp})`, `(Probe interval: ${status.probeInterval})`],
    ["Name", "IP", "Node", "Endpoints"],
    ...shown.flatMap((node) => (options.verbose ? nodeBlock(node, self) : [nodeLine(node, self)])),
    ...(shown.length < wanted.length ? [["  ..."]] : []),
  ];
}

function nodeLine(node: NodeHealthStatus, self: string): Line {
  const [primary, ...secondary] = pathsOf(node.host).map((path) => path?.ip);
  const ips = [primary ?? "Unavailable", ...secondary];
  return [
    `  ${nodeName(node, self)}`,
    ips.join(","),
    counts(pathsOf(node.host)),
    counts(pathsOf(node["health-endpoint"])),
  ];
}

/** `1/2 (1 unknown)`: addresses that answer, of all. */
function counts(paths: readonly (PathStatus | undefined)[]): string {
  const states = paths.map(pathState);
  const unknown = states.filter((state) => state === undefined).length;
  const answering = states.filter((state) => state === true).length;
  return `${answering}/${paths.length}${unknown > 0 ? ` (${unknown} unknown)` : ""}`;
}

/** A node's paths. */
function nodeBlock(node: NodeHealthStatus, self: string): Line[] {
  const parts = [
    ["Host", node.host],
    ["Endpoint", node["health-endpoint"]],
  ] as const;
  return [
    [`  ${nodeName(node, self)}:`],
    ...parts.flatMap(([part, status]) => [
      ...pathLines(`${part} connectivity`, status?.["primary-address"]),
      ...(status?.["secondary-addresses"] ?? []).flatMap((path) => pathLines(`Secondary ${part} connectivity`, path)),
    ]),
  ];
}

function pathLines(title: string, path: PathStatus | undefined): Line[] {
  if (path === undefined) return [[`    ${title}:`, "nil"]];
  return [
    [`    ${title} to ${path.ip}:`],
    ["      ICMP to stack:", ...resultCells(path.icmp)],
    ["      HTTP to agent:", ...resultCells(path.http)],
    ...(path.mtu === undefined ? [] : [["      Path MTU:", ...mtuCells(path.mtu)]]),
  ];
}

function nodeName({ name }: NodeHealthStatus, self: string): string {
  return name === self ? `${name} (localhost)` : name;
}

function resultCells(result: PathStatus["icmp"]): Line {
  if (result === undefined) return ["not probed yet"];
  const text = result.status === "" ? `OK, RTT=${latencyText(result.latency)}` : result.status;
  return [text, `(Last probed: ${result.lastProbed})`];
}

function mtuCells({ expected, measured, lastProbed }: NonNullable<PathStatus["mtu"]>): Line {
  const text = measured < expected ? `${measured}, larger packets are lost (${expected} expected)` : `${measured}`;
  return [text, `(Last probed: ${lastProbed})`];
}

/** `812.5µs`, `1.204567ms`, `1.2s`. */
function latencyText(nanoseconds: number): string {
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  return formatDuration(nanoseconds / 1e6);
}

/** An address that is missing does not answer. */
function pathsOf(host: HostStatus | undefined): readonly (PathStatus | undefined)[] {
  return host === undefined ? [] : [host["primary-address"], ...(host["secondary-addresses"] ?? [])];
}

/** Undefined while it was not probed by both. */
function pathState(path: PathStatus | undefined): boolean | undefined {
  const results = [path?.icmp, path?.http];
  if (path === undefined || results.some((result) => result !== undefined && result.status !== "")) return false;
  return results.includes(undefined) ? undefined : true;
}

function isReachable(node: NodeHealthStatus): boolean {
  const paths = [...pathsOf(node.host), ...pathsOf(node["health-endpoint"])];
  return paths.length > 0 && paths.every((path) => pathState(path) === true);
}
