// SPDX-License-Identifier: Apache-2.0
// The probes' rate, spread and order, with a clock of its own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProbeSchedule } from "./schedule.ts";

const options = { rate: 20, minIntervalMs: 10_000 };

function scheduleOf(count: number): ProbeSchedule {
  const schedule = new ProbeSchedule(options);
  for (let index = 0; index < count; index++) schedule.add(`n${index}`);
  return schedule;
}

/** Targets probed in the time from `from` to `to`, with when. */
function run(schedule: ProbeSchedule, from: number, to: number): { key: string; at: number }[] {
  const taken: { key: string; at: number }[] = [];
  for (let now = from; now < to; now = Math.max(now + 1, Math.ceil(schedule.dueAt() ?? to))) {
    const key = schedule.take(now);
    if (key !== undefined) taken.push({ key, at: now });
  }
  return taken;
}

test("5,000 nodes with two addresses each cost at most 20 probes a second, evenly", () => {
  const schedule = scheduleOf(10_000);
  const taken = run(schedule, 0, 3_000_000);
  const perSecond = Map.groupBy(taken, ({ at }) => Math.floor(at / 1000));
  for (const probes of perSecond.values()) assert.ok(probes.length * 2 <= 22, `${probes.length * 2} in a second`);
  assert.equal(new Set(taken.slice(0, 10_000).map(({ key }) => key)).size, 10_000);
  assert.equal(schedule.intervalMs, 1_000_000);
  assert.ok(taken.length > 29_000, String(taken.length));
});

test("in a small cluster everybody has a turn every 10 s", () => {
  const schedule = scheduleOf(4);
  const taken = run(schedule, 0, 60_000).filter(({ at }) => at > 1000);
  for (const turns of Map.groupBy(taken, ({ key }) => key).values()) {
    for (const [index, { at }] of turns.slice(1).entries()) {
      const gap = at - (turns[index]?.at ?? 0);
      assert.ok(gap > 9_900 && gap < 10_100, `${gap} ms`);
    }
  }
  assert.equal(new Set(taken.map(({ at }) => Math.round(at / 500))).size, taken.length);
});

test("a newcomer is probed next, one that left no more, and nobody without targets", () => {
  const schedule = new ProbeSchedule(options);
  assert.equal(schedule.dueAt(), undefined);
  assert.equal(schedule.take(0), undefined);
  for (const key of ["n0", "n1", "n2"]) schedule.add(key);
  run(schedule, 0, 20_000);
  schedule.remove("n0");
  for (const key of ["new", "n1"]) schedule.add(key);
  const taken = run(schedule, 20_000, 40_000).map(({ key }) => key);
  assert.equal(taken[0], "new");
  assert.ok(!taken.includes("n0"));
  for (const key of ["n1", "n2", "new"]) schedule.remove(key);
  assert.equal(schedule.dueAt(), undefined);
});

test("a pause is not made up for", () => {
  const schedule = scheduleOf(10);
  run(schedule, 0, 10_000);
  const taken = run(schedule, 10_000_000, 10_010_000);
  assert.ok(taken.length <= 11, String(taken.length));
});

/** The longest time without a turn of each key, in ms. */
function longestGaps(taken: readonly { key: string; at: number }[], from: number, to: number): Map<string, number> {
  const gaps = new Map<string, number>();
  const last = new Map<string, number>();
  for (const { key, at } of taken) {
    gaps.set(key, Math.max(gaps.get(key) ?? 0, at - (last.get(key) ?? from)));
    last.set(key, at);
  }
  for (const [key, at] of last) gaps.set(key, Math.max(gaps.get(key) ?? 0, to - at));
  return gaps;
}

test("of 10,000 addresses, 60 that are preferred keep a round of 10 s, at the same rate", () => {
  const schedule = scheduleOf(10_000);
  run(schedule, 0, 1_100_000);
  const preferred = Array.from({ length: 60 }, (_, index) => `n${index * 100}`);
  schedule.prefer(preferred);
  const [from, to] = [1_100_000, 4_700_000];
  const taken = run(schedule, from, to);
  const gaps = longestGaps(taken, from, to);
  for (const key of preferred) assert.ok((gaps.get(key) ?? to) < 11_000, `${key}: ${gaps.get(key)} ms`);
  assert.equal(gaps.size, 10_000);
  for (const [key, gap] of gaps) assert.ok(gap < schedule.intervalMs * 1.05, `${key}: ${gap} ms`);
  assert.ok(taken.length * 2 <= ((to - from) / 1000) * options.rate + 2, String(taken.length));
});

test("however many are preferred, one turn of five is everybody's", () => {
  const schedule = scheduleOf(1000);
  run(schedule, 0, 200_000);
  schedule.prefer(Array.from({ length: 500 }, (_, index) => `n${index}`));
  const taken = run(schedule, 200_000, 500_000);
  assert.equal(new Set(taken.map(({ key }) => key)).size, 1000);
  const inARow = taken.map(({ key }) => (Number(key.slice(1)) < 500 ? "p" : "-")).join("");
  assert.ok(inARow.endsWith("pppp-".repeat(50)), inARow.slice(-250));
});

test("who is newly preferred comes next, who is no more keeps the turn, and nobody is preferred that is not there", () => {
  const schedule = scheduleOf(1000);
  run(schedule, 0, 200_000);
  schedule.prefer(["n5", "gone"]);
  assert.equal(run(schedule, 200_000, 200_300)[0]?.key, "n5");
  schedule.prefer([]);
  const taken = run(schedule, 200_300, 290_000).map(({ key }) => key);
  assert.ok(!taken.includes("n5") && !taken.includes("gone"));
});

test("in a small cluster being preferred changes nothing", () => {
  const [plain, preferring] = [scheduleOf(8), scheduleOf(8)];
  preferring.prefer(["n7", "n3"]);
  assert.deepEqual(run(preferring, 0, 60_000), run(plain, 0, 60_000));
});
