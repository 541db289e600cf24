// SPDX-License-Identifier: Apache-2.0
// The block `Cluster health` of `status` and of `cilium-health status`.
import type { HealthStatusResponse, HostStatus, NodeHealthStatus, PathStatus } from "../../../src/api/index.ts";
import { alignLines, type Line, nestedTable } from "../output/table.ts";

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

/** The block on its own. */
export function formatClusterHealth(status: HealthStatusResponse, options: ClusterHealthOptions): string[] {
  return alignLines(clusterHealthLines(status, options));
}

/** The summary, then the nodes that are not well (or all): a line for each, or its paths when verbose. */
export function clusterHealthLines(status: HealthStatusResponse, options: ClusterHealthOptions): Line[] {
  const { nodes } = status;
  const reachable = nodes.filter((node) => isReachable(node)).length;
  const counted = `${reachable}/${nodes.length} reachable`;
  const summary = ["Cluster health:", counted, `(${status.timestamp})`, `(Probe interval: ${status.probeInterval})`];
  const wanted = options.allNodes ? nodes : nodes.filter((node) => !isReachable(node));
  if (options.succinct || wanted.length === 0) return [summary];
  const shown = options.allNodes ? wanted : wanted.slice(0, shownNodes);
  const self = status.local.name;
  return [
    summary,
    ...(options.verbose
      ? shown.flatMap((node) => nodeBlock(node, self))
      : nestedTable(
          ["Name", "IP", "Node", "Endpoints"],
          shown.map((node) => nodeLine(node, self)),
        )),
    ...(shown.length < wanted.length ? [["  ..."]] : []),
  ];
}

function nodeLine(node: NodeHealthStatus, self: string): Line {
  const ips = pathsOf(node.host).map(({ ip }) => ip);
  return [
    `  ${nodeName(node, self)}`,
    ips.join(","),
    counts(pathsOf(node.host)),
    counts(pathsOf(node["health-endpoint"])),
  ];
}

/** `1/2 (1 unknown)`: addresses that answer, of all. */
function counts(paths: readonly PathStatus[]): string {
  const unknown = paths.filter((path) => pathState(path) === undefined).length;
  const answering = paths.filter((path) => pathState(path) === true).length;
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
  if (path === undefined) return [];
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
