// SPDX-License-Identifier: Apache-2.0
// Metrics of what probing the other nodes found.
import type { Metrics, Module, ReadonlyTable } from "../../src/core/index.ts";
import {
  type HealthRow,
  isBlackHole,
  type NodeHealth,
  nodesHealth,
  type PathMtuRow,
  probeProtocols,
  reachable,
  type TargetKind,
} from "../../src/health/index.ts";

export interface HealthMetricsDeps {
  readonly metrics: Metrics;
  readonly paths: ReadonlyTable<HealthRow, string>;
  readonly mtus: ReadonlyTable<PathMtuRow, string>;
}

const kinds = [
  { type: "node", kind: "host" },
  { type: "endpoint", kind: "endpoint" },
] as const satisfies readonly { type: string; kind: TargetKind }[];

/** Registers them; latencies are observed from when the module starts. Without labels for nodes: there may be thousands. */
export function createHealthMetrics({ metrics, paths, mtus }: HealthMetricsDeps): Module {
  registerStatus(metrics, paths);
  registerMtus(metrics, mtus);
  const latency = metrics.histogram({
    name: "node_health_connectivity_latency_seconds",
    help: "Round trips of probes of other nodes and their health endpoints",
    labels: ["type", "address_type", "protocol"],
    buckets: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  });
  let watch: Disposable | undefined;
  return {
    name: "health-metrics",
    async start() {
      watch = paths.onChange((batch) => {
        for (const { kind, row } of batch) {
          if (kind !== "upsert" || row.local) continue;
          const type = row.kind === "host" ? "node" : "endpoint";
          const labels = { type, address_type: row.primary ? "primary" : "secondary" };
          for (const protocol of probeProtocols) {
            const { last } = row[protocol];
            if (last?.ok === true) latency.observe(last.latencyNs / 1e9, { ...labels, protocol });
          }
        }
      });
    },
    async stop() {
      watch?.[Symbol.dispose]();
    },
  };
}

function registerStatus(metrics: Metrics, paths: ReadonlyTable<HealthRow, string>): void {
  metrics.gauge({
    name: "node_health_connectivity_status",
    help: "Nodes and health endpoints by whether all of their addresses answer",
    labels: ["type", "status"],
    collect(metric) {
      const nodes = nodesHealth(paths);
      for (const { type, kind } of kinds) {
        for (const [status, count] of counted(nodes, kind)) metric.set(count, { type, status });
      }
    },
  });
  for (const { name, help, kind } of [
    { name: "unreachable_nodes", help: "Nodes that do not answer", kind: "host" },
    { name: "unreachable_health_endpoints", help: "Health endpoints that do not answer", kind: "endpoint" },
  ] as const) {
    metrics.gauge({
      ...{ name, help },
      collect: (metric) => metric.set(counted(nodesHealth(paths), kind).get("unreachable") ?? 0),
    });
  }
}

function registerMtus(metrics: Metrics, mtus: ReadonlyTable<PathMtuRow, string>): void {
  const each = (set: (type: string, rows: readonly PathMtuRow[]) => void) => {
    for (const { type, kind } of kinds)
      set(
        type,
        [...mtus.all()].filter((row) => row.kind === kind),
      );
  };
  metrics.gauge({
    name: "path_mtu_black_holes",
    help: "Paths to other nodes (node) and their pods (endpoint) that lose packets of the expected size",
    labels: ["type"],
    collect: (metric) => each((type, rows) => metric.set(rows.filter(isBlackHole).length, { type })),
  });
  metrics.gauge({
    name: "path_mtu_smallest_bytes",
    help: "Smallest measured path MTU; 0 before the first measurement",
    labels: ["type"],
    collect: (metric) =>
      each((type, rows) => {
        const measured = rows.flatMap((row) => row.measured ?? []);
        metric.set(measured.length === 0 ? 0 : Math.min(...measured), { type });
      }),
  });
}

type Connectivity = "reachable" | "unreachable" | "unknown";

/** How many nodes have all, not all, or not yet probed addresses of a kind; nodes without any are not counted. */
function counted(nodes: readonly NodeHealth[], kind: TargetKind): Map<Connectivity, number> {
  const counts = new Map<Connectivity, number>([
    ["reachable", 0],
    ["unreachable", 0],
    ["unknown", 0],
  ]);
  for (const node of nodes) {
    const states = node[kind].map(reachable);
    if (states.length === 0) continue;
    const state = states.includes(false) ? "unreachable" : states.includes(undefined) ? "unknown" : "reachable";
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return counts;
}
