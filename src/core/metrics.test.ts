// SPDX-License-Identifier: Apache-2.0
// The text exposition of each kind of metric.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetrics, isMetricChoice, metricChoice, type Totals } from "./index.ts";

test("metrics have the namespace, labels and values in the text exposition", async () => {
  const metrics = createMetrics();
  const drops = metrics.counter({ name: "drop_count_total", help: "Drops", labels: ["reason", "direction"] });
  drops.inc({ reason: "Policy denied", direction: "INGRESS" }, 3);
  drops.inc({ reason: "Policy denied", direction: "INGRESS" });
  const state = metrics.gauge({ name: "endpoint_state", help: "Endpoints", labels: ["state"] });
  state.set(5, { state: "ready" });
  state.dec({ state: "ready" });
  state.set(1, { state: "gone" });
  state.remove({ state: "gone" });
  const time = metrics.histogram({ name: "time_seconds", help: "Time", buckets: [0.1, 1] });
  time.observe(0.5);
  const text = await metrics.text();
  assert.match(text, /^# TYPE cilium_drop_count_total counter$/m);
  assert.match(text, /^cilium_drop_count_total\{reason="Policy denied",direction="INGRESS"\} 4$/m);
  assert.match(text, /^cilium_endpoint_state\{state="ready"\} 4$/m);
  assert.doesNotMatch(text, /gone/);
  assert.match(text, /^cilium_time_seconds_bucket\{le="1"\} 1$/m);
  const { contentType, text: exposed } = await metrics.expose("text/html, */*");
  assert.equal(exposed, text);
  assert.match(contentType, /^text\/plain/);
});

test("a gauge with collect() is set at each exposition; sets of metrics are apart", async () => {
  const metrics = createMetrics();
  let size = 1;
  metrics.gauge({ name: "rows", help: "Rows", collect: (gauge) => gauge.set(size) });
  assert.match(await metrics.text(), /^cilium_rows 1$/m);
  size = 2;
  assert.match(await metrics.text(), /^cilium_rows 2$/m);
  assert.doesNotMatch(await createMetrics().text(), /cilium_rows/);
  assert.throws(() => metrics.gauge({ name: "rows", help: "Again" }));
});

test("who accepts OpenMetrics gets its form: names of counters without _total, and an end", async () => {
  const metrics = createMetrics();
  metrics.counter({ name: "drop_count_total", help: "Drops\nof packets", labels: ["reason"] }).inc({ reason: 'a "b"' });
  metrics.gauge({ name: "empty", help: "Nothing yet", labels: ["state"] });
  metrics.histogram({ name: "time_seconds", help: "Time", buckets: [0.1, 1] }).observe(0.5);
  const { contentType, text } = await metrics.expose(
    "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2",
  );
  assert.equal(contentType, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  assert.deepEqual(text.split("\n"), [
    ...["# TYPE cilium_drop_count counter", "# HELP cilium_drop_count Drops\\nof packets"],
    'cilium_drop_count_total{reason="a \\"b\\""} 1',
    ...["# TYPE cilium_empty gauge", "# HELP cilium_empty Nothing yet"],
    ...["# TYPE cilium_time_seconds histogram", "# HELP cilium_time_seconds Time"],
    ...['cilium_time_seconds_bucket{le="0.1"} 0', 'cilium_time_seconds_bucket{le="1"} 1'],
    ...['cilium_time_seconds_bucket{le="+Inf"} 1', "cilium_time_seconds_sum 0.5", "cilium_time_seconds_count 1"],
    ...["# EOF", ""],
  ]);
  assert.match((await metrics.expose("application/openmetrics-text;q=0")).contentType, /^text/);
  assert.match(await metrics.text(), /^# TYPE cilium_drop_count_total counter$/m);
});

test("a counter with collect() has what others counted, and forgets what they forgot", async () => {
  const metrics = createMetrics();
  const totals = new Map([
    ["a", 3],
    ["b", 1],
  ]);
  const collect = (total: Totals) => {
    for (const [label, count] of totals) total.set(count, { label });
  };
  metrics.counter({ name: "seen_total", help: "Seen", labels: ["label"], collect });
  assert.match(await metrics.text(), /counter\ncilium_seen_total\{label="a"\} 3\ncilium_seen_total\{label="b"\} 1\n/);
  totals.set("a", 5).delete("b");
  assert.match(await metrics.text(), /counter\ncilium_seen_total\{label="a"\} 5\n$/);
});

test("metrics are there by choice: some are off unless asked for, others on unless unwanted", async () => {
  const choice = metricChoice([
    "+cilium_costly_total",
    "-cilium_plain_total",
    "+cilium_nonsense",
    "-cilium_again",
    "+cilium_again",
  ]);
  const metrics = createMetrics({ choice });
  for (const name of ["costly_total", "other_total"]) metrics.counter({ name, help: name, off: true }).inc();
  for (const name of ["plain_total", "again"]) metrics.counter({ name, help: name }).inc();
  const names = (await metrics.values()).map(({ name }) => name);
  assert.deepEqual(names, ["cilium_costly_total", "cilium_again"]);
  assert.deepEqual(["costly_total", "other_total", "plain_total"].map(metrics.wants), [true, false, false]);
  assert.deepEqual(metrics.unknown(), ["cilium_nonsense"]);
  for (const bad of ["cilium_x", "+", "+cilium-x", "*cilium_x"]) assert.equal(isMetricChoice(bad), false, bad);
});
