// SPDX-License-Identifier: Apache-2.0
// What calls of the REST API cost, and how its limits are used.
import type { AnsweredCall, LimiterState } from "../../../src/api/index.ts";
import type { Metrics } from "../../../src/core/index.ts";

/** Registers the metrics of calls, and gives what is to be called for each call that was answered. */
export function createApiMetrics(metrics: Metrics): (call: AnsweredCall) => void {
  const seconds = metrics.histogram({
    name: "agent_api_process_time_seconds",
    help: "Seconds from a call of the API to its answer",
    labels: ["path", "method", "return_code"],
  });
  const last = metrics.gauge({
    name: "event_ts",
    help: "When the last event of a kind was, in seconds since the epoch",
    labels: ["source", "scope", "action"],
  });
  const processed = metrics.counter({
    name: "api_limiter_processed_requests_total",
    help: "Calls that went through a limit of the API, or were refused by it",
    labels: ["api_call", "outcome", "return_code"],
  });
  return ({ path, method, status, seconds: took, limit }) => {
    // What nobody serves has no path of its own: callers must not make series.
    const scope = path === "" ? "unknown" : path;
    seconds.observe(took, { path: scope, method, return_code: status });
    last.set(Date.now() / 1000, { source: "api", scope, action: method });
    if (limit === undefined) return;
    processed.inc({ api_call: limit, outcome: status < 400 ? "success" : "fail", return_code: status });
  };
}

/** Registers the metric of addresses that are given out and back, and gives what is to be called for each. */
export function createIpamMetrics(metrics: Metrics): (action: "allocate" | "release", address: string) => void {
  const events = metrics.counter({
    ...{ name: "ipam_events_total", help: "Addresses given out and given back", labels: ["action", "family"] },
  });
  return (action, address) => events.inc({ action, family: address.includes(":") ? "ipv6" : "ipv4" });
}

/** Registers the metrics of limits; they are read when somebody asks. */
export function registerLimiters(metrics: Metrics, states: () => readonly LimiterState[]): void {
  const gauge = (name: string, help: string, values: (state: LimiterState) => Readonly<Record<string, number>>) =>
    metrics.gauge({
      ...{ name: `api_limiter_${name}`, help, labels: ["api_call", "value"] },
      collect(metric) {
        for (const state of states()) {
          for (const [value, number] of Object.entries(values(state)))
            metric.set(number, { api_call: state.name, value });
        }
      },
    });
  gauge("requests_in_flight", "Calls that run now, and how many may", ({ running, allowed }) => ({
    "in-flight": running,
    limit: allowed.parallel,
  }));
  gauge("rate_limit", "Calls a second that may come, and how many at once", ({ allowed: { rate, burst } }) => ({
    ...{ limit: rate, burst },
  }));
  gauge(
    "wait_duration_seconds",
    "How long calls waited for their turn, and how long they have to and may",
    (state) => ({
      ...{ mean: state.meanWait, min: state.limit.minWait / 1000, max: state.limit.maxWait / 1000 },
    }),
  );
  gauge("processing_duration_seconds", "How long calls took, and are thought to take", (state) => ({
    ...{ mean: state.meanDuration, estimated: state.limit.estimated / 1000 },
  }));
  metrics.gauge({
    name: "api_limiter_adjustment_factor",
    help: "By how much more may come than is configured, since calls take less than is thought",
    labels: ["api_call"],
    collect(metric) {
      for (const { name, allowed } of states()) metric.set(allowed.factor, { api_call: name });
    },
  });
}
