// SPDX-License-Identifier: Apache-2.0
// What reconcilers count, in Cilium's words for controllers; one set for all reconcilers of a process.
import type { JobMetrics } from "./job-metrics.ts";
import type { Metrics } from "./metrics.ts";

/** Counts and times runs. */
export interface ReconcilerMetrics {
  /** Starts the clock of one operation on a batch; the result is called with the number of rows that failed. */
  begin(reconciler: string): (failed: number) => void;
}

/** Registers the metrics of reconcilers; `jobs`: of which each of them is one. */
export function createReconcilerMetrics(metrics: Metrics, jobs?: JobMetrics): ReconcilerMetrics {
  const runs = metrics.counter({ name: "controllers_runs_total", help: "Runs of reconcilers", labels: ["status"] });
  const groups = metrics.counter({
    ...{ name: "controllers_group_runs_total", help: "Runs by reconciler", labels: ["status", "group_name"] },
  });
  const duration = metrics.histogram({
    name: "controllers_runs_duration_seconds",
    help: "Seconds that a run of a reconciler took",
    labels: ["status"],
  });
  return {
    begin(reconciler) {
      const started = performance.now();
      return (failed) => {
        const status = failed > 0 ? "failure" : "success";
        runs.inc({ status });
        groups.inc({ status, group_name: reconciler });
        const seconds = (performance.now() - started) / 1000;
        duration.observe(seconds, { status });
        jobs?.ran("observer", { module: reconciler, job: "reconcile", seconds, ok: failed === 0 });
      };
    },
  };
}
