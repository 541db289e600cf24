// SPDX-License-Identifier: Apache-2.0
// Nodes as addresses of this machine: who answers, who does not, and what is said of it.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { after, before, test } from "node:test";
import { configureLogging, FakeClock, systemClock, type Table } from "../core/index.ts";
import { readSysctl, writeSysctl } from "../kernel/index.ts";
import { createNodeTable, type NodeRow } from "../node/index.ts";
import { createHealth, type HealthModule } from "./module.ts";
import { medianLatency, nodeReachable, nodesHealth } from "./summary.ts";

configureLogging({ level: "silent" });
const port = 42_408;

function node(name: string, ips: readonly string[], health: Partial<NodeRow> = {}): NodeRow {
  const addresses = ips.map((ip) => ({ type: "InternalIP" as const, ip }));
  const base = {
    cluster: "default",
    clusterId: 0,
    encryptionKey: 0,
    labels: {},
    source: "kvstore" as const,
    bootId: "",
  };
  return { ...base, name, addresses, ...health };
}

let nodes: Table<NodeRow, string>;
let health: HealthModule;
let pingRange: string;
const controller = new AbortController();
before(async () => {
  pingRange = readSysctl("net.ipv4.ping_group_range");
  writeSysctl("net.ipv4.ping_group_range", "0 0");
  nodes = createNodeTable();
  nodes.upsert(node("here", ["127.0.0.1", "::1"]));
  health = createHealth(
    { nodes, clock: systemClock },
    { self: "default/here", enableIpv4: true, enableIpv6: true, endpoints: true, port },
  );
  await health.start?.(controller.signal);
});
after(async () => {
  await health.stop?.();
  writeSysctl("net.ipv4.ping_group_range", pingRange.replace(/\s+/, " "));
});

/** Waits until so many addresses are probed: the table of nodes tells of changes a moment later. */
async function rows(count: number): Promise<void> {
  for (let turn = 0; health.table.size !== count; turn++) {
    assert.ok(turn < 1000, `${health.table.size} rows, expected ${count}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a node that answers on all addresses is reachable, with latencies", async () => {
  await health.probeAll();
  const [here] = nodesHealth(health.table);
  assert.ok(here?.local);
  assert.equal(nodeReachable(here), true);
  assert.deepEqual(
    here.host.map(({ ip }) => ip),
    ["127.0.0.1", "::1"],
  );
  for (const row of here.host) assert.ok((medianLatency(row.icmp) ?? 0) > 0 && (medianLatency(row.http) ?? 0) > 0);
  assert.deepEqual(health.health?.(), { state: "ok" });
});

test("a path that breaks names both ends, the address and the problem; one that works again is well", async () => {
  nodes.upsert(node("there", ["127.0.0.2"], { ipv6HealthIp: "fe80::7" }));
  await rows(4);
  await health.probeAll();
  const there = nodesHealth(health.table)[1];
  assert.ok(there !== undefined);
  assert.equal(nodeReachable(there), false);
  const { state, message = "" } = health.health?.() ?? { state: "ok" };
  assert.equal(state, "degraded");
  assert.match(message, /^default\/here -> default\/there \(endpoint fe80::7\): ICMP \S.*\(and 1 more\)$/);
  nodes.upsert(node("there", ["127.0.0.2"]));
  await rows(3);
  await health.probeAll();
  assert.deepEqual(health.health?.(), { state: "ok" });
  nodes.delete("default/there");
  await rows(2);
  assert.equal(nodesHealth(health.table).length, 1);
});

test("a node that changes in other ways is not a node that was probed", async () => {
  await health.probeAll();
  const { revision } = health.table;
  nodes.upsert(node("here", ["127.0.0.1", "::1"], { labels: { rack: "1" } }));
  nodes.upsert(node("last", ["127.0.0.9"]));
  await rows(3);
  assert.equal(health.table.revision, revision + 1);
  nodes.delete("default/last");
  await rows(2);
});

test("threats: who asks for all probes now, again and again, opens no socket for each of them", async () => {
  const count = 600;
  for (let n = 0; n < count; n++) nodes.upsert(node(`n${n}`, [`127.1.${n >> 8}.${n & 255}`]));
  await rows(count + 2);
  let done = false;
  const rounds = Promise.all([1, 2, 3].map(() => health.probeAll())).finally(() => {
    done = true;
  });
  let most = 0;
  while (!done) {
    most = Math.max(most, readdirSync("/proc/self/fd").length);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await rounds;
  // Both ends of each connection are here.
  assert.ok(most < 2 * 128 + 150, `${most} descriptors`);
  assert.deepEqual(health.health?.(), { state: "ok" });
  for (let n = 0; n < count; n++) nodes.delete(`default/n${n}`);
  await rows(2);
});

test("of more nodes than the rate allows every 10 s, those that pods talk to keep that round", async () => {
  const clock = new FakeClock();
  const table = createNodeTable();
  for (let n = 0; n < 200; n++) table.upsert(node(`n${n}`, [`127.1.0.${n}`]));
  const used = new Set(["127.1.0.7", "127.1.0.107", "192.0.2.1"]);
  let sent: ReadonlySet<string> = new Set();
  const probing = createHealth(
    { nodes: table, clock, sentTo: () => sent },
    { self: "default/n0", enableIpv4: true, enableIpv6: false, endpoints: false, port: port + 1 },
  );
  const probedBy = new Map<string, number>();
  const watch = probing.table.onChange((batch) => {
    for (const { row } of batch) probedBy.set(row.ip, (probedBy.get(row.ip) ?? 0) + 1);
  });
  const pass = async (ms: number) => {
    for (let at = 0; at < ms; at += 50) {
      clock.advance(50);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await probing.start?.(controller.signal);
  await pass(23_000);
  assert.equal(probing.intervalMs > 20_000, true);
  sent = used;
  await pass(12_000);
  probedBy.clear();
  await pass(30_500);
  watch[Symbol.dispose]();
  await probing.stop?.();
  for (const ip of ["127.1.0.7", "127.1.0.107"]) assert.ok((probedBy.get(ip) ?? 0) >= 3, `${ip}: ${probedBy.get(ip)}`);
  const others = [...probedBy].filter(([ip]) => !used.has(ip)).map(([, times]) => times);
  assert.ok(Math.max(...others) <= 2, String(Math.max(...others)));
});
