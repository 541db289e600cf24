// SPDX-License-Identifier: Apache-2.0
// What reconcilers count; one set for all reconcilers of a process.

import type { Metrics } from "./metrics.ts";

/** An operation of a reconciler. */
export type ReconcilerOperation = "update" | "delete" | "prune";

/** Counts and times operations. */
export interface ReconcilerMetrics {
  /** Starts the clock; the result is called with the number of rows and of failed rows. */
  begin(reconciler: string, operation: ReconcilerOperation): (rows: number, failed: number) => void;
}

/** Registers the metrics of reconcilers. */
export function createReconcilerMetrics(metrics: Metrics): ReconcilerMetrics {
  const labels = ["reconciler", "operation"];
  const rows = metrics.counter({
    name: "reconciler_rows_total",
    help: "Rows given to a reconciler's operation",
    labels,
  });
  const failed = metrics.counter({ name: "reconciler_errors_total", help: "Rows whose operation failed", labels });
  const duration = metrics.histogram({
    name: "reconciler_duration_seconds",
    help: "Time of one batch of a reconciler's operation",
    labels,
  });
  return {
    begin(reconciler, operation) {
      const started = performance.now();
      return (count, failures) => {
        rows.inc({ reconciler, operation }, count);
        if (failures > 0) failed.inc({ reconciler, operation }, failures);
        duration.observe((performance.now() - started) / 1000, { reconciler, operation });
      };
    },
  };
}
