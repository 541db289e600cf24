// SPDX-License-Identifier: Apache-2.0
// What jobs count: what runs once at start, what runs now and then, and what runs when something changed.
import type { Metrics } from "./metrics.ts";

/** One run of a job. */
export interface JobRun {
  /** The module that the job belongs to, and its name there. */
  readonly module: string;
  readonly job: string;
  readonly seconds: number;
  readonly ok: boolean;
}

export type JobKind = "oneshot" | "timer" | "observer";

/** Counts runs. */
export interface JobMetrics {
  ran(kind: JobKind, run: JobRun): void;
}

/** Registers the metrics of jobs, in Cilium's words. */
export function createJobMetrics(metrics: Metrics): JobMetrics {
  const labels = ["module_id", "job_name"];
  const runs = metrics.counter({ name: "hive_jobs_runs_total", help: "Runs of jobs", labels });
  const failed = metrics.counter({ name: "hive_jobs_runs_failed", help: "Runs of jobs that failed", labels });
  const gauge = (kind: JobKind) =>
    metrics.gauge({
      ...{ name: `hive_jobs_${kind}_last_run_duration_seconds`, labels },
      help: `Seconds that the last run of a ${kind} job took`,
    });
  const last = { oneshot: gauge("oneshot"), timer: gauge("timer"), observer: gauge("observer") };
  const histogram = (kind: JobKind) =>
    metrics.histogram({
      ...{ name: `hive_jobs_${kind}_run_duration_seconds`, labels, help: `Seconds that runs of ${kind} jobs took` },
    });
  const durations = { oneshot: undefined, timer: histogram("timer"), observer: histogram("observer") };
  return {
    ran(kind, { module, job, seconds, ok }) {
      const of = { module_id: module, job_name: job };
      runs.inc(of);
      if (!ok) failed.inc(of);
      last[kind].set(seconds, of);
      durations[kind]?.observe(seconds, of);
    },
  };
}
