// SPDX-License-Identifier: Apache-2.0
// Opening a store by configuration, and the pure parts that the contract suite does not reach.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError, configureLogging, createMetrics, FakeClock } from "../core/index.ts";
import { createKvstore, createPoisonReport, openKvstore } from "./index.ts";
import { difference } from "./list-watch.ts";
import type { KvEntry } from "./types.ts";
import { Backoff, pause } from "./wait.ts";

function entry(key: string, value: string, modRevision: bigint): KvEntry {
  return { key, value, modRevision, createRevision: 1n, lease: 0n };
}

test("openKvstore() refuses unknown kinds and options by name", () => {
  assert.throws(() => openKvstore({ kind: "consul", options: {} }), {
    name: "ConfigError",
    message: 'Cannot use kvstore "consul": unknown kind (memory, etcd expected)',
  });
  assert.throws(
    () => openKvstore({ kind: "etcd", options: { "etcd.address": "127.0.0.1:1", "etcd.adress": "x" } }),
    (error) => error instanceof ConfigError && /"etcd\.adress": unknown option \(etcd\.address, /.test(error.message),
  );
});

test("memory stores are shared by name", async () => {
  await using one = openKvstore({ kind: "memory", options: { "memory.name": "shared" } });
  await using two = openKvstore({ kind: "memory", options: { "memory.name": "shared" } });
  await using other = openKvstore({ kind: "memory", options: { "memory.name": "other" } });
  await one.put("a", "1");
  assert.equal((await two.get("a"))?.value, "1");
  assert.equal(await other.get("a"), undefined);
});

test("the module starts without a store, says so, and ends", async () => {
  const options = { "etcd.address": "http://127.0.0.1:1", "etcd.operation": "100ms" };
  const module = createKvstore({}, { kind: "etcd", options, connectTimeoutMs: 150 });
  await module.start(new AbortController().signal);
  assert.equal(module.health?.().state, "degraded");
  assert.match(module.health?.().message ?? "", /^etcd: 0\/1 connected, .*http:\/\/127\.0\.0\.1:1 - .*ECONNREFUSED/);
  await module.stop?.();
});

test("difference() tells what turns the known state into the listed one", () => {
  const known = new Map(
    [entry("same", "1", 5n), entry("changed", "1", 6n), entry("gone", "1", 7n)].map((e) => [e.key, e]),
  );
  const items = [entry("same", "1", 5n), entry("changed", "2", 9n), entry("new", "1", 8n)];
  const [same, changed, fresh] = items;
  assert.ok(same && changed && fresh);
  assert.deepEqual(difference(known, { items, revision: 9n }), [
    { kind: "delete", key: "gone", revision: 9n },
    { kind: "put", entry: changed },
    { kind: "put", entry: fresh },
  ]);
  // A wiped store may reach the same revision with another value.
  const rewritten = { ...same, value: "other" };
  const after = difference(new Map([["same", same]]), { items: [rewritten], revision: 5n });
  assert.deepEqual(after, [{ kind: "put", entry: rewritten }]);
});

test("the poison report names keys until they are right again, and counts", async () => {
  const metrics = createMetrics();
  const report = createPoisonReport("nodes", { metrics });
  report.skip("a", "not JSON");
  report.skip("a", "not JSON");
  report.skip("b".repeat(1000), "not JSON");
  assert.equal(report.size, 2);
  assert.deepEqual(report.list()[0], { key: "a", reason: "not JSON" });
  assert.equal(report.list()[1]?.key.length, 256);
  report.clear("a");
  report.clear("c");
  assert.equal(report.size, 1);
  const text = await metrics.text();
  assert.match(text, /cilium_kvstore_skipped_keys_total\{kind="nodes"\} 3/);
  assert.match(text, /cilium_kvstore_skipped_keys\{kind="nodes"\} 1/);
  createPoisonReport("ip", { metrics }).skip("x", "y");
});

test("the report keeps and logs a bounded number of names, each by name", () => {
  const lines: string[] = [];
  configureLogging({ level: "warn", write: (line) => void lines.push(line) });
  const report = createPoisonReport("ip");
  for (let n = 0; n < 1500; n++) report.skip(`cilium/state/ip/${n}`, "bad");
  configureLogging({ level: "error", write: (line) => void process.stderr.write(line) });
  assert.equal(report.size, 1000);
  assert.equal(lines.length, 1001);
  assert.match(lines[0] ?? "", /Key skipped.*cilium\/state\/ip\/0/);
});

test("Backoff doubles up to its limit and begins anew after a reset", () => {
  const backoff = new Backoff(50, 300, () => 0.5);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => backoff.next()),
    [50, 100, 200, 300, 300],
  );
  backoff.reset();
  assert.equal(backoff.next(), 50);
  assert.equal(new Backoff(100, 100, () => 0).next(), 75);
});

test("pause() ends with its time or its signal, whichever is first", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  let ended = "";
  const timed = pause(clock, 100, stop.signal).then(() => (ended += "time "));
  clock.advance(100);
  await timed;
  const aborted = pause(clock, 100, stop.signal).then(() => (ended += "signal "));
  stop.abort();
  await aborted;
  await pause(clock, 100, stop.signal);
  assert.equal(ended, "time signal ");
});
