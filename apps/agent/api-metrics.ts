// SPDX-License-Identifier: Apache-2.0
// What calls of the REST API cost.
import type { AnsweredCall } from "../../src/api/index.ts";
import type { Metrics } from "../../src/core/index.ts";

/** Registers the metric, and gives what is to be called for each call that was answered. */
export function createApiMetrics(metrics: Metrics): (call: AnsweredCall) => void {
  const seconds = metrics.histogram({
    name: "agent_api_process_time_seconds",
    help: "Seconds from a call of the API to its answer",
    labels: ["path", "method", "return_code"],
  });
  return ({ path, method, status, seconds: took }) => {
    // What nobody serves has no path of its own: callers must not make series.
    seconds.observe(took, { path: path === "" ? "unknown" : path, method, return_code: status });
  };
}
