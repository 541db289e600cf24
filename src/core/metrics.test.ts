// SPDX-License-Identifier: Apache-2.0
// The text exposition of each kind of metric.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetrics } from "./index.ts";

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
  assert.match(metrics.contentType, /^text\/plain/);
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
