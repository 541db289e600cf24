// SPDX-License-Identifier: Apache-2.0
// A short soak on a real sandbox, after which everything is as before; and the line that tells growth from noise.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { agentClient, loadPods } from "../../apps/sandbox/index.ts";
import { disturb, sum } from "../../benchmarks/soak/disturb.ts";
import { type Observation, observe } from "../../benchmarks/soak/observe.ts";
import { afterWarmUp, trend } from "../../benchmarks/soak/trend.ts";
import { endAsking, guestKinds, World } from "../../benchmarks/soak/world.ts";

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

const guests = 8;
/** Milliseconds, for what takes some seconds on a quiet machine. */
const patience = 120_000;
/** Memory is the benchmark's; conntrack entries live on after their connections. */
const notCompared = /^(agent (RSS|heap|timers)|map: conntrack)/;
/** What may stay: identities until they are collected, descriptors of what was used for the first time. */
const mayStay = new Map<string, number>([
  ["rows: identities", guestKinds],
  ["agent descriptors", guests - 2],
]);

test("after pods, policies, connections and a kill nothing has failed, nothing passed, and all counts are back", async () => {
  await using world = await World.create();
  await until(() => podsNotKnown(world));
  const before = await look(world);
  const { clients, strangers } = world.startAsking();
  const enough = (so: { guests: number; kills: number }) => so.guests >= guests && so.kills >= 1;
  const { reports } = await disturb(world, { enough, killEvery: 3000 });
  const allowed = sum([...reports, ...(await endAsking(clients))]);
  const denied = sum(await endAsking(strangers));
  assert.ok(allowed.asked > 50 && denied.asked > 10, JSON.stringify({ allowed, denied }));
  assert.equal(allowed.answered, allowed.asked, JSON.stringify(allowed.unanswered));
  assert.equal(denied.answered, 0);
  await world.removeGuests();
  await until(async () => difference(await look(world), before));
});

/** Pods that a node's tables and maps do not hold yet, or whose programs have no links yet. */
async function podsNotKnown(world: World): Promise<string[]> {
  const wanted = loadPods(world.sandbox).flatMap(({ ips }) => ips);
  const missing = world.sandbox.nodes.map(async (node) => {
    const known = (await agentClient(world.sandbox, node).listIps()).map(({ cidr }) => cidr.replace(/\/\d+$/, ""));
    const unknown = wanted.filter((ip) => !known.includes(ip));
    const found = await observe(world.sandbox, node);
    const counts = [found.get("map: ipcache"), found.get("links of endpoints")];
    const expected = [known.length, 2 * (found.get("rows: endpoints") ?? 0)];
    return [...unknown, ...(String(counts) === String(expected) ? [] : [`${counts} of ${expected} entries and links`])];
  });
  return (await Promise.all(missing)).flat();
}

/** Of all nodes. */
async function look(world: World): Promise<readonly Observation[]> {
  return await Promise.all(world.sandbox.nodes.map((node) => observe(world.sandbox, node)));
}

/** What is not as before; the agent of the second node is another one, with other descriptors. */
function difference(after: readonly Observation[], before: readonly Observation[]): string[] {
  return before.flatMap((quantities, node) =>
    [...quantities].flatMap(([name, was]) => {
      const is = after[node]?.get(name) ?? Number.NaN;
      if (notCompared.test(name) || (name === "agent descriptors" && node > 0)) return [];
      const stays = mayStay.get(name);
      const back = stays === undefined ? is === was : is <= was + stays;
      return back ? [] : [`node${node + 1} ${name}: ${was} before, ${is} now`];
    }),
  );
}

/** Until nothing is left. */
async function until(look: () => Promise<readonly string[]>): Promise<void> {
  const end = performance.now() + patience;
  for (let left = await look(); left.length > 0; left = await look()) {
    if (performance.now() > end) assert.fail(`not within ${patience / 1000} s: ${left.join(", ")}`);
    await sleep(250);
  }
}
