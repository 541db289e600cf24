// SPDX-License-Identifier: Apache-2.0
// What the probes say of the cluster as a whole, and of what is broken in words.
import type { ReadonlyTable } from "../core/index.ts";
import { type HealthRow, type PathState, type ProbeProtocol, probeProtocols, reachable } from "./types.ts";

/** One node as the rows say. */
export interface NodeHealth {
  /** `cluster/name`. */
  readonly node: string;
  readonly local: boolean;
  /** IPv4 before IPv6. */
  readonly host: readonly HealthRow[];
  readonly endpoint: readonly HealthRow[];
}

/** All nodes by name, this one first. */
export function nodesHealth(table: ReadonlyTable<HealthRow, string>): readonly NodeHealth[] {
  const byNode = Map.groupBy(table.all(), (row) => row.node);
  const nodes = Array.from(byNode, ([node, rows]): NodeHealth => {
    const ofKind = (kind: HealthRow["kind"]) =>
      rows.filter((row) => row.kind === kind).sort((a, b) => Number(b.primary) - Number(a.primary));
    return { node, local: rows.some((row) => row.local), host: ofKind("host"), endpoint: ofKind("endpoint") };
  });
  return nodes.sort((a, b) => Number(b.local) - Number(a.local) || (a.node < b.node ? -1 : 1));
}

/** Whether every address of a node that was probed answers; undefined while one was not. */
export function nodeReachable({ host, endpoint }: NodeHealth): boolean | undefined {
  const states = [...host, ...endpoint].map(reachable);
  if (states.includes(false)) return false;
  return states.length === 0 || states.includes(undefined) ? undefined : true;
}

/** `default/node1 -> default/node2 (host 10.0.0.2): ICMP no reply within 3 s`, one for each broken path and protocol. */
export function brokenPaths(table: ReadonlyTable<HealthRow, string>, self: string): readonly string[] {
  return [...table.all()].flatMap((row) =>
    probeProtocols.flatMap((protocol) => {
      const { last } = row[protocol];
      if (last === undefined || last.ok) return [];
      return [
        `${self} -> ${row.node} (${row.kind} ${row.ip}): ${protocolName(protocol)} ${last.problem}${direction(row)}`,
      ];
    }),
  );
}

/** Which way it is broken, where that is known: both ends ask, so one's questions arrive where the other's do not. */
function direction({ node, heard }: HealthRow): string {
  if (heard === undefined) return "";
  return heard ? ` (only this direction: what ${node} sends arrives)` : ` (nothing that ${node} sends arrives either)`;
}

/** The first of them, and how many more there are; undefined when all is well. */
export function firstOf(problems: readonly string[]): string | undefined {
  return problems.length > 1 ? `${problems[0]} (and ${problems.length - 1} more)` : problems[0];
}

/** As `cilium-health` writes it. */
function protocolName(protocol: ProbeProtocol): string {
  return protocol === "icmp" ? "ICMP" : "HTTP";
}

/** The latency in the middle of those that are kept, in nanoseconds; undefined without any. */
export function medianLatency({ latencies }: PathState): number | undefined {
  return latencies.toSorted((a, b) => a - b)[latencies.length >> 1];
}
