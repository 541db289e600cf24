// SPDX-License-Identifier: Apache-2.0
// A short soak on a real sandbox, and the line that tells growth from noise.
import assert from "node:assert/strict";
import { test } from "node:test";
import { afterWarmUp, trend } from "../../benchmarks/soak/trend.ts";
import { soak } from "../../benchmarks/soak.bench.ts";

const line = (from: number, perSecond: number, noise: number) =>
  Array.from({ length: 100 }, (_, at) => ({ at, value: from + perSecond * at + noise * Math.sin(at * 7.3) }));

test("a quantity that grows is told from one that only moves", () => {
  assert.deepEqual(trend(line(50, 0, 0)), { mean: 50, perHour: 0, growth: 0, n: 100 });
  const growing = trend(line(50, 0.1, 2));
  assert.ok(Math.abs(growing.perHour - 360) < 40, String(growing.perHour));
  assert.ok(growing.growth > 7 && growing.growth < 10, String(growing.growth));
  assert.ok(trend(line(50, 0, 5)).growth < 0.5);
  assert.equal(trend(line(50, -1, 0)).growth, 0);
  assert.ok(Number.isNaN(trend([{ at: 0, value: 1 }]).growth));
});

test("samples of the warm-up do not count", () => {
  assert.equal(afterWarmUp(line(0, 1, 0), 0.5, 1000)[0]?.at, 50);
  assert.equal(afterWarmUp(line(0, 1, 0), 0.5, 10)[0]?.at, 10);
});

test("20 s of pods, policies, connections and a kill: nothing fails, nothing passes, nothing piles up", async () => {
  const { rows, ratios } = await soak(20, () => {});
  const count = (name: string) => rows.find((row) => row.case.startsWith(name))?.median ?? 0;
  assert.ok(count("allowed requests") > 500 && count("denied requests") > 100, JSON.stringify(rows));
  assert.ok(count("pods that came") >= 4 && count("agents killed") >= 1, JSON.stringify(rows));
  // Conntrack entries reach their first end of life only after a minute; memory of a young process grows.
  const young = /conntrack|RSS|heap/;
  const wrong = ratios.filter(({ name, met }) => !met && !young.test(name));
  assert.deepEqual(wrong, []);
  assert.equal(ratios.filter(({ name }) => /^(failed|passed) of/.test(name)).length, 2);
});
