// SPDX-License-Identifier: Apache-2.0
// Order of starting and stopping, failures on the way.

import assert from "node:assert/strict";
import { test } from "node:test";
import { configureLogging, type Module, runModules } from "./index.ts";

configureLogging({ level: "silent" });

function recorder() {
  const events: string[] = [];
  const module = (name: string, overrides: Partial<Module> = {}): Module => ({
    name,
    async start() {
      events.push(`start ${name}`);
    },
    async stop() {
      events.push(`stop ${name}`);
    },
    ...overrides,
  });
  return { events, module };
}

const fail = (message: string) => () => Promise.reject(new Error(message));

test("runModules() starts in order, stops in reverse, once", async () => {
  const { events, module } = recorder();
  const running = await runModules([module("a"), module("b"), { name: "c", start: async () => {} }]);
  assert.deepEqual(events, ["start a", "start b"]);
  await Promise.all([running.stop(), running.stop()]);
  assert.deepEqual(events, ["start a", "start b", "stop b", "stop a"]);
});

test("runModules() stops what was started, the failed module included, when a start fails", async () => {
  const { events, module } = recorder();
  const modules = [module("a"), module("b", { start: fail("no etcd") }), module("c")];
  await assert.rejects(runModules(modules), /^CiliumError: Cannot start module "b": no etcd$/);
  assert.deepEqual(events, ["start a", "stop b", "stop a"]);
});

test("stop() goes on after a failure and tells all of them", async () => {
  const { events, module } = recorder();
  const modules = [module("a"), module("b", { stop: fail("busy") }), module("c", { stop: fail("gone") })];
  const running = await runModules(modules);
  await assert.rejects(running.stop(), (error: unknown) => {
    assert.ok(error instanceof AggregateError);
    assert.equal(error.errors.length, 2);
    assert.match(error.message, /"c": gone; .*"b": busy/);
    return true;
  });
  assert.equal(events.at(-1), "stop a");
});

test("stop() does not wait for a module longer than its time-out", async () => {
  const { events, module } = recorder();
  const running = await runModules([module("a"), module("slow", { stop: () => new Promise(() => {}) })], {
    stopTimeoutMs: 20,
  });
  await assert.rejects(running.stop(), /"slow" within 20 ms/);
  assert.equal(events.at(-1), "stop a");
});

test("the signal ends a start that hangs, and reaches the modules", async () => {
  const { events, module } = recorder();
  const stop = new AbortController();
  let seen: AbortSignal | undefined;
  const hanging = module("hang", {
    start: (signal) => {
      seen = signal;
      return new Promise(() => {});
    },
  });
  const result = runModules([module("a"), hanging], { signal: stop.signal });
  setImmediate(() => stop.abort(new Error("SIGTERM")));
  await assert.rejects(result, /Cannot start module "hang": SIGTERM/);
  assert.equal(seen?.aborted, true);
  assert.deepEqual(events, ["start a", "stop hang", "stop a"]);
});

test("health() has each module, and degraded for one whose health throws", async () => {
  const { module } = recorder();
  const broken = () => {
    throw new Error("no idea");
  };
  const running = await runModules([
    module("a"),
    module("b", { health: () => ({ state: "degraded", message: "etcd is away" }) }),
    module("c", { health: broken }),
  ]);
  assert.deepEqual(
    [...running.health()],
    [
      ["a", { state: "ok" }],
      ["b", { state: "degraded", message: "etcd is away" }],
      ["c", { state: "degraded", message: "no idea" }],
    ],
  );
  await running.stop();
  assert.equal(running.health().get("a")?.state, "stopped");
});
