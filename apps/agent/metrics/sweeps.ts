// SPDX-License-Identifier: Apache-2.0
// What was swept out of the maps of flows.
import type { JobMetrics, Metrics } from "../../../src/core/index.ts";
import type { Datapath, SweepRun } from "../../../src/datapath/index.ts";

/** All families and protocols are swept together. */
const all = { family: "all", protocol: "all" } as const;

/** Registers how long sweeps take, and gives what is to be called for each sweep. */
export function createSweepMetrics(metrics: Metrics, jobs: JobMetrics): (run: SweepRun) => void {
  const duration = metrics.histogram({
    name: "datapath_conntrack_gc_duration_seconds",
    help: "Seconds that sweeps of connections took",
    labels: ["family", "protocol", "status"],
  });
  return ({ what, seconds, ok }) => {
    jobs.ran("timer", { module: "datapath", job: `sweep-${what.replaceAll(" ", "-")}`, seconds, ok });
    if (what === "conntrack") duration.observe(seconds, { ...all, status: ok ? "completed" : "uncompleted" });
  };
}

/** Registers the others; they are read when somebody asks. */
export function registerSweeps(metrics: Metrics, datapath: Pick<Datapath, "sweeps">): void {
  const totals = (what: string) => datapath.sweeps().find((sweep) => sweep.what === what);
  metrics.counter({
    name: "datapath_conntrack_gc_runs_total",
    help: "How often expired connections were swept",
    labels: ["family", "protocol", "status"],
    collect(metric) {
      const { completed = 0, failed = 0 } = totals("conntrack") ?? {};
      metric.set(completed, { ...all, status: "completed" });
      metric.set(failed, { ...all, status: "uncompleted" });
    },
  });
  metrics.gauge({
    name: "datapath_conntrack_gc_entries",
    help: "Entries of connections at the last sweep",
    labels: ["family", "protocol", "status"],
    collect(metric) {
      const last = totals("conntrack")?.last;
      metric.set((last?.scanned ?? 0) - (last?.deleted ?? 0), { ...all, status: "alive" });
      metric.set(last?.deleted ?? 0, { ...all, status: "deleted" });
    },
  });
  metrics.gauge({
    name: "datapath_conntrack_gc_interval_seconds",
    help: "Seconds between two sweeps of connections",
    labels: ["global"],
    collect: (metric) => metric.set(totals("conntrack")?.interval ?? 0, { global: "global" }),
  });
  metrics.gauge({
    name: "datapath_nat_gc_entries",
    help: "Entries of masqueraded flows at the last sweep",
    labels: ["family", "status"],
    collect(metric) {
      const last = totals("masqueraded flows")?.last;
      if (last === undefined) return;
      metric.set(last.scanned - last.deleted, { family: "all", status: "alive" });
      metric.set(last.deleted, { family: "all", status: "deleted" });
    },
  });
}
