// SPDX-License-Identifier: Apache-2.0
// The reconciler against a target in memory: order, statuses, retries, races, pruning.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import {
  createMetrics,
  createReconciler,
  createReconcilerMetrics,
  FakeClock,
  pendingStatus,
  type Reconciler,
  type ReconcilerOptions,
  type Status,
  Table,
} from "./index.ts";

interface Route {
  readonly name: string;
  readonly via: string;
  readonly status: Status;
}

const route = (name: string, via: string): Route => ({ name, via, status: pendingStatus(0) });

/** A target in memory that counts calls, and fails or waits where told to. */
class Target {
  readonly table = new Table<Route, string>({ name: "routes", key: (row) => row.name });
  readonly clock = new FakeClock();
  readonly present = new Map<string, string>();
  readonly calls: string[] = [];
  readonly failing = new Set<string>();
  gate: Promise<void> | undefined;
  pruneError: Error | undefined;

  reconciler(options: Partial<ReconcilerOptions<Route, string>> = {}): Reconciler {
    return createReconciler<Route, string>({
      name: "routes",
      table: this.table,
      clock: this.clock,
      getStatus: (row) => row.status,
      withStatus: (row, status) => ({ ...row, status }),
      retry: { minMs: 100, maxMs: 1000 },
      ops: {
        update: async (rows) => {
          this.calls.push(`update ${rows.map((row) => `${row.name}=${row.via}`).join(" ")}`);
          await this.gate;
          const failures = new Map<string, Error>();
          for (const row of rows) {
            if (this.failing.has(row.name)) failures.set(row.name, new Error(`ENODEV ${row.name}`));
            else this.present.set(row.name, row.via);
          }
          return failures;
        },
        delete: async (rows) => {
          this.calls.push(`delete ${rows.map((row) => row.name).join(" ")}`);
          await this.gate;
          const failures = new Map<string, Error>();
          for (const row of rows) {
            if (this.failing.has(row.name)) failures.set(row.name, new Error("EBUSY"));
            else this.present.delete(row.name);
          }
          return failures;
        },
        prune: async (rows) => {
          this.calls.push(`prune ${rows.length}`);
          if (this.pruneError !== undefined) throw this.pruneError;
          for (const name of this.present.keys()) if (!rows.some((row) => row.name === name)) this.present.delete(name);
        },
      },
      ...options,
    });
  }

  status(name: string): string {
    const status = this.table.get(name)?.status;
    return status === undefined ? "absent" : status.kind === "error" ? `error: ${status.error}` : status.kind;
  }
}

async function running(target: Target, options: Partial<ReconcilerOptions<Route, string>> = {}) {
  const reconciler = target.reconciler(options);
  await reconciler.start(new AbortController().signal);
  return Object.assign(reconciler, { [Symbol.asyncDispose]: () => reconciler.stop() });
}

test("the first pass waits for the sources, writes all rows, then prunes what no row wants", async () => {
  const target = new Target();
  target.present.set("stale", "x");
  target.present.set("a", "old");
  const done = target.table.registerInitializer("files");
  await using reconciler = await running(target);
  target.table.upsert(route("a", "n1"));
  await turn();
  await turn();
  assert.deepEqual(target.calls, [], "nothing happens before the sources are complete");
  assert.match(reconciler.health().message ?? "", /files/);
  target.table.upsert(route("b", "n2"));
  done();
  await reconciler.waitUntilSettled();
  assert.deepEqual(target.calls.slice(0, 2), ["update a=n1 b=n2", "prune 2"]);
  assert.deepEqual(
    [...target.present],
    [
      ["a", "n1"],
      ["b", "n2"],
    ],
  );
  assert.deepEqual([target.status("a"), target.status("b")], ["done", "done"]);
});

test("changes come in batches, statuses do not come back as changes", async () => {
  const target = new Target();
  await using reconciler = await running(target);
  await reconciler.waitUntilSettled();
  target.calls.length = 0;
  for (let i = 0; i < 25; i++) target.table.upsert(route(`r${i}`, "n1"));
  await reconciler.waitUntilSettled();
  await turn();
  await reconciler.waitUntilSettled();
  assert.equal(target.calls.length, 1);
  assert.equal(
    [...target.table.all()].every((row) => row.status.kind === "done"),
    true,
  );
  target.table.delete("r3");
  target.table.upsert(route("r4", "n2"));
  await reconciler.waitUntilSettled();
  assert.deepEqual(target.calls.slice(1), ["delete r3", "update r4=n2"]);
});

test("no batch is larger than batchSize", async () => {
  const target = new Target();
  for (let i = 0; i < 25; i++) target.table.upsert(route(`r${i}`, "n1"));
  await using reconciler = await running(target, { batchSize: 10 });
  await reconciler.waitUntilSettled();
  const sizes = target.calls.filter((call) => call.startsWith("update")).map((call) => call.split(" ").length - 1);
  assert.deepEqual(sizes, [10, 10, 5]);
});

test("a row that fails is retried alone, later and later, and says so", async () => {
  const target = new Target();
  target.failing.add("bad");
  target.table.upsertMany([route("good", "n1"), route("bad", "n1")]);
  await using reconciler = await running(target);
  await reconciler.waitUntilSettled();
  assert.deepEqual([target.status("good"), target.status("bad")], ["done", "error: ENODEV bad"]);
  assert.equal(reconciler.failing, 1);
  assert.equal(reconciler.health().state, "degraded");
  const since = target.table.get("bad")?.status.since;
  target.calls.length = 0;
  for (const delay of [100, 200, 400, 800, 1000, 1000]) {
    target.clock.advance(delay - 1);
    await reconciler.waitUntilSettled();
    assert.deepEqual(target.calls, [], `not before ${delay} ms`);
    target.clock.advance(1);
    await reconciler.waitUntilSettled();
    assert.deepEqual(target.calls.splice(0), ["update bad=n1"], `after ${delay} ms`);
  }
  assert.equal(target.table.get("bad")?.status.since, since, "the error is as old as its first time");
  target.failing.clear();
  target.clock.advance(1000);
  await reconciler.waitUntilSettled();
  assert.equal(target.status("bad"), "done");
  assert.equal(reconciler.health().state, "ok");
});

test("setting the machine's clock neither brings retries forward nor puts them off", async () => {
  for (const jump of [3_600_000, -3_600_000]) {
    const target = new Target();
    target.failing.add("bad");
    target.table.upsert(route("bad", "n1"));
    await using reconciler = await running(target);
    await reconciler.waitUntilSettled();
    target.calls.length = 0;
    target.clock.jump(jump);
    target.clock.advance(99);
    await reconciler.waitUntilSettled();
    assert.deepEqual(target.calls, []);
    target.clock.advance(1);
    await reconciler.waitUntilSettled();
    assert.deepEqual(target.calls, ["update bad=n1"]);
  }
});

test("a change of a failing row is tried at once, with the back-off starting anew", async () => {
  const target = new Target();
  target.failing.add("a");
  target.table.upsert(route("a", "n1"));
  await using reconciler = await running(target);
  await reconciler.waitUntilSettled();
  target.clock.advance(100);
  await reconciler.waitUntilSettled();
  target.calls.length = 0;
  target.table.upsert(route("a", "n2"));
  await reconciler.waitUntilSettled();
  assert.deepEqual(target.calls, ["update a=n2"]);
  target.clock.advance(100);
  await reconciler.waitUntilSettled();
  assert.equal(target.calls.length, 2);
});

test("a row changed while its update is under way stays pending and is done again", async () => {
  const target = new Target();
  await using reconciler = await running(target);
  await reconciler.waitUntilSettled();
  const gate = Promise.withResolvers<void>();
  target.gate = gate.promise;
  target.table.upsert(route("a", "n1"));
  while (!target.calls.includes("update a=n1")) await turn();
  target.table.upsert(route("a", "n2"));
  await turn();
  target.gate = undefined;
  gate.resolve();
  await Promise.resolve();
  assert.equal(target.status("a"), "pending");
  await reconciler.waitUntilSettled();
  assert.equal(target.present.get("a"), "n2");
  assert.equal(target.status("a"), "done");
});

test("a row deleted while its update is under way is undone", async () => {
  const target = new Target();
  await using reconciler = await running(target);
  await reconciler.waitUntilSettled();
  const gate = Promise.withResolvers<void>();
  target.gate = gate.promise;
  target.table.upsert(route("a", "n1"));
  while (!target.calls.includes("update a=n1")) await turn();
  target.table.delete("a");
  gate.resolve();
  await reconciler.waitUntilSettled();
  assert.equal(target.present.has("a"), false);
});

test("a row that comes and goes between two deliveries leaves nothing, even when a full pass saw it", async () => {
  const target = new Target();
  await using reconciler = await running(target);
  await reconciler.waitUntilSettled();
  const gate = Promise.withResolvers<void>();
  target.gate = gate.promise;
  target.table.upsert(route("flash", "n1"));
  const resynced = reconciler.resync();
  gate.resolve();
  // The update is done in microtasks, before the table has delivered the row.
  for (let i = 0; i < 200 && target.status("flash") !== "done"; i++) await Promise.resolve();
  assert.equal(target.status("flash"), "done", "the pass is through with the row");
  target.table.delete("flash");
  await resynced;
  await reconciler.waitUntilSettled();
  assert.equal(target.present.has("flash"), false);
});

test("a row that is back before its delete is brought about again", async () => {
  const target = new Target();
  target.table.upsert(route("a", "n1"));
  await using reconciler = await running(target);
  await reconciler.waitUntilSettled();
  const gate = Promise.withResolvers<void>();
  target.gate = gate.promise;
  target.table.delete("a");
  while (!target.calls.includes("delete a")) await turn();
  target.table.upsert(route("a", "n2"));
  gate.resolve();
  await reconciler.waitUntilSettled();
  assert.equal(target.present.get("a"), "n2");
  assert.equal(target.status("a"), "done");
});

test("a delete that fails is retried; a row that comes back ends that", async () => {
  const target = new Target();
  target.table.upsertMany([route("a", "n1"), route("b", "n1")]);
  await using reconciler = await running(target);
  await reconciler.waitUntilSettled();
  target.failing.add("a").add("b");
  target.table.delete("a");
  target.table.delete("b");
  await reconciler.waitUntilSettled();
  assert.equal(reconciler.failing, 2);
  target.failing.clear();
  target.table.upsert(route("b", "n2"));
  await reconciler.waitUntilSettled();
  assert.equal(reconciler.failing, 1);
  target.clock.advance(100);
  await reconciler.waitUntilSettled();
  assert.deepEqual([...target.present], [["b", "n2"]]);
  assert.equal(reconciler.failing, 0);
});

test("an operation that rejects fails each row of its batch", async () => {
  const target = new Target();
  target.table.upsertMany([route("a", "n1"), route("b", "n1")]);
  const prune = () => Promise.resolve();
  const ops = { update: () => Promise.reject(new Error("EIO")), delete: () => Promise.resolve(), prune };
  await using reconciler = await running(target, { ops });
  await reconciler.waitUntilSettled();
  assert.deepEqual([target.status("a"), target.status("b")], ["error: EIO", "error: EIO"]);
});

test("resync() and the interval update everything and prune", async () => {
  const target = new Target();
  target.table.upsert(route("a", "n1"));
  await using reconciler = await running(target, { resyncMs: 60_000 });
  await reconciler.waitUntilSettled();
  target.present.clear();
  target.present.set("intruder", "x");
  await reconciler.resync();
  assert.deepEqual([...target.present], [["a", "n1"]]);
  for (const round of [1, 2]) {
    target.present.set("a", `broken ${round}`);
    target.clock.advance(60_000);
    await reconciler.waitUntilSettled();
    assert.equal(target.present.get("a"), "n1");
  }
});

test("a prune that fails is told and tried again", async () => {
  const target = new Target();
  target.present.set("stale", "x");
  target.pruneError = new Error("EPERM");
  await using reconciler = await running(target);
  await reconciler.waitUntilSettled();
  assert.deepEqual(reconciler.health(), { state: "degraded", message: "Prune failed: EPERM" });
  target.pruneError = undefined;
  target.clock.advance(100);
  await reconciler.waitUntilSettled();
  assert.equal(target.present.has("stale"), false);
  assert.equal(reconciler.health().state, "ok");
});

test("stop() ends the loop and what waits for it", async () => {
  const target = new Target();
  target.table.registerInitializer("never");
  const reconciler = target.reconciler();
  await reconciler.start(new AbortController().signal);
  const settled = reconciler.waitUntilSettled();
  const resynced = reconciler.resync();
  const refused = Promise.all([assert.rejects(settled, /stopped/), assert.rejects(resynced, /stopped/)]);
  await turn();
  await reconciler.stop();
  await refused;
  assert.equal(reconciler.health().state, "stopped");
  await assert.rejects(reconciler.resync(), /stopped/);
});

test("waitUntilSettled() gives up with its signal", async () => {
  const target = new Target();
  target.table.registerInitializer("never");
  await using reconciler = await running(target);
  await assert.rejects(reconciler.waitUntilSettled(AbortSignal.timeout(5)), { name: "TimeoutError" });
});

test("metrics count runs and those that failed", async () => {
  const target = new Target();
  const metrics = createMetrics();
  target.failing.add("b");
  target.table.upsertMany([route("a", "n1"), route("b", "n1")]);
  await using reconciler = await running(target, { metrics: createReconcilerMetrics(metrics) });
  await reconciler.waitUntilSettled();
  const text = await metrics.text();
  assert.match(text, /^cilium_controllers_group_runs_total\{status="failure",group_name="routes"\} 1$/m);
  assert.match(text, /^cilium_controllers_runs_duration_seconds_count\{status="failure"\} 1$/m);
});
