// SPDX-License-Identifier: Apache-2.0
// What reaches the kernel's maps, and when the programs are told to ask again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pendingStatus } from "../core/index.ts";
import { eventually } from "../core/testing.ts";
import { createNodeTable, type NodeRow } from "../node/index.ts";
import {
  createIpcacheReconciler,
  createIpcacheTable,
  createNodeMap,
  type IpcacheMapRow,
  type NodeMapRow,
} from "./index.ts";
import { KernelView } from "./kernel-view.ts";

/** A map of the kernel in memory. */
class FakeMap<Row> {
  readonly rows = new Map<string, Row>();
  readonly #keyOf: (row: Row) => string;
  writes = 0;
  failing = false;
  capacity = Number.POSITIVE_INFINITY;

  constructor(keyOf: (row: Row) => string, rows: readonly Row[] = []) {
    this.#keyOf = keyOf;
    for (const row of rows) this.rows.set(keyOf(row), row);
  }

  upsertMany(rows: readonly Row[]): void {
    if (this.failing) throw new Error("Cannot update map: E2BIG");
    this.writes += rows.length;
    for (const row of rows) {
      const key = this.#keyOf(row);
      if (!this.rows.has(key) && this.rows.size >= this.capacity) throw new Error("Cannot update map: E2BIG");
      this.rows.set(key, row);
    }
  }

  deleteMany(keys: readonly Partial<Row>[]): number {
    return keys.filter((key) => this.rows.delete(this.#keyOf(key as Row))).length;
  }

  list(): Row[] {
    return [...this.rows.values()];
  }
}

function mapRow(prefix: string, identity: number, tunnelEndpoint?: string): IpcacheMapRow {
  const tunnel = tunnelEndpoint === undefined ? {} : { tunnelEndpoint };
  return { prefix, identity, ...tunnel, encryptKey: 0, skipTunnel: false, remoteCluster: false };
}

async function setUp(before: readonly IpcacheMapRow[] = []) {
  const table = createIpcacheTable();
  const map = new FakeMap<IpcacheMapRow>(({ prefix }) => prefix, before);
  let revisions = 0;
  const reconciler = createIpcacheReconciler({ table, ipcacheMap: map, onRevisionNeeded: () => void revisions++ });
  const settle = async (change: () => void) => {
    const start = revisions;
    change();
    await reconciler.waitUntilSettled();
    return revisions - start;
  };
  const set = (...rows: IpcacheMapRow[]) =>
    settle(() => table.upsertMany(rows.map((row) => ({ ...row, source: "kvstore", status: pendingStatus() }))));
  const start = () => settle(() => void reconciler.start(new AbortController().signal));
  return { table, map, reconciler, settle, set, start };
}

test("the revision moves only when some address may mean something else", async () => {
  const { map, set, start, settle, table, reconciler } = await setUp();
  await start();
  assert.equal(await set(mapRow("0.0.0.0/0", 9)), 1);
  assert.equal(await set(mapRow("10.1.2.0/24", 9, "172.31.240.3")), 1);
  assert.equal(await set(mapRow("10.1.2.5/32", 300, "172.31.240.3")), 1, "a pod where the world was");
  assert.equal(await set(mapRow("10.1.2.5/32", 300, "172.31.240.3")), 0, "the same again");
  assert.equal(await set(mapRow("10.1.2.128/25", 9, "172.31.240.3")), 0, "what the prefix around it says");
  assert.equal(await set(mapRow("10.1.2.5/32", 301, "172.31.240.3")), 1, "another identity");
  assert.equal(await set(mapRow("10.1.2.5/32", 301, "172.31.240.4")), 1, "another place");
  assert.equal(await settle(() => void table.delete("10.1.2.128/25")), 0, "falls back to the same");
  assert.equal(await settle(() => void table.delete("10.1.2.5/32")), 1, "falls back to the world");
  assert.equal(await set(mapRow("10.9.0.1/32", 302), mapRow("10.9.0.2/32", 303)), 1, "once for a batch");
  assert.deepEqual([...map.rows.keys()].sort(), ["0.0.0.0/0", "10.1.2.0/24", "10.9.0.1/32", "10.9.0.2/32"]);
  await reconciler.stop();
});

test("a restart writes what differs, prunes what is not wanted, and leaves the rest alone", async () => {
  const kept = mapRow("10.1.2.5/32", 300, "172.31.240.3");
  const { map, table, start, reconciler } = await setUp([kept, mapRow("10.1.2.6/32", 301), mapRow("10.1.2.7/32", 302)]);
  const rows = [kept, mapRow("10.1.2.6/32", 999)];
  table.upsertMany(rows.map((row) => ({ ...row, source: "kvstore", status: pendingStatus() })));
  await start();
  assert.equal(map.writes, 1);
  assert.deepEqual(
    map.list().map(({ prefix, identity }) => `${prefix}=${identity}`),
    ["10.1.2.5/32=300", "10.1.2.6/32=999"],
  );
  assert.ok([...table.all()].every(({ status }) => status.kind === "done"));
  await reconciler.stop();
});

test("a restart that changes nothing moves nothing", async () => {
  const row = mapRow("10.1.2.5/32", 300, "172.31.240.3");
  const { map, table, start, reconciler } = await setUp([row]);
  table.upsert({ ...row, source: "kvstore", status: pendingStatus() });
  assert.equal(await start(), 0);
  assert.equal(map.writes, 0);
  await reconciler.stop();
});

test("in a full map what is there still changes; the rest says so and follows when there is room", async () => {
  const { map, table, set, start, settle, reconciler } = await setUp();
  await start();
  await set(mapRow("10.1.2.5/32", 300), mapRow("10.1.2.6/32", 301));
  map.capacity = 2;
  assert.equal(await set(mapRow("10.1.2.7/32", 302), mapRow("10.1.2.6/32", 999)), 1);
  assert.equal(map.rows.get("10.1.2.6/32")?.identity, 999);
  assert.deepEqual(table.get("10.1.2.6/32")?.status.kind, "done");
  assert.match(JSON.stringify(table.get("10.1.2.7/32")?.status), /error.*E2BIG/);
  assert.match(reconciler.health().message ?? "", /1 rows failed.*E2BIG/);
  await settle(() => table.delete("10.1.2.5/32"));
  await eventually("the row that did not fit", () => map.rows.has("10.1.2.7/32"));
  assert.equal(reconciler.health().state, "ok");
  await reconciler.stop();
});

test("nothing is pruned before the table is initialized", async () => {
  const { map, table, reconciler } = await setUp([mapRow("10.1.2.5/32", 300)]);
  const done = table.registerInitializer("kvstore");
  await reconciler.start(new AbortController().signal);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(map.rows.size, 1);
  done();
  await reconciler.waitUntilSettled();
  assert.equal(map.rows.size, 0);
  await reconciler.stop();
});

test("a resync puts right what others changed in the kernel", async () => {
  const { map, set, start, settle, reconciler } = await setUp();
  await start();
  await set(mapRow("10.1.2.5/32", 300), mapRow("10.1.2.6/32", 301));
  map.rows.delete("10.1.2.5/32");
  map.rows.set("10.1.2.6/32", mapRow("10.1.2.6/32", 666));
  map.rows.set("10.6.6.6/32", mapRow("10.6.6.6/32", 666));
  let resynced: Promise<void> | undefined;
  assert.ok((await settle(() => (resynced = reconciler.resync()))) >= 1);
  await resynced;
  assert.deepEqual(
    map
      .list()
      .map(({ prefix, identity }) => `${prefix}=${identity}`)
      .sort(),
    ["10.1.2.5/32=300", "10.1.2.6/32=301"],
  );
  await reconciler.stop();
});

test("a failed write is told in the row, counts as a change, and is tried again", async () => {
  const { map, set, start, table, reconciler } = await setUp();
  await start();
  map.failing = true;
  assert.equal(await set(mapRow("10.1.2.5/32", 300)), 1);
  const status = table.get("10.1.2.5/32")?.status;
  assert.equal(status?.kind === "error" && status.error, "Cannot update map: E2BIG");
  map.failing = false;
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.equal(table.get("10.1.2.5/32")?.status.kind, "done");
  assert.equal(map.rows.size, 1);
  await reconciler.stop();
});

test("KernelView finds the prefix around another in both families", () => {
  const view = new KernelView([mapRow("fd00::/16", 10), mapRow("fd00:10:1::/48", 9, "172.31.240.3")]);
  assert.equal(view.changesMeaning("fd00:10:1::5/128", mapRow("fd00:10:1::5/128", 9, "172.31.240.3")), false);
  assert.equal(view.changesMeaning("fd00:10:1::5/128", mapRow("fd00:10:1::5/128", 10)), true);
  assert.equal(view.changesMeaning("fd00:10:2::5/128", mapRow("fd00:10:2::5/128", 10)), false);
  assert.equal(view.changesMeaning("10.0.0.0/8", mapRow("10.0.0.0/8", 10)), true);
  view.delete("fd00:10:1::/48");
  assert.equal(view.changesMeaning("fd00:10:1::5/128", mapRow("fd00:10:1::5/128", 10)), false);
});

function nodeRow(n: number, source: NodeRow["source"] = "kvstore"): NodeRow {
  return {
    ...{ name: `node${n}`, cluster: "default", clusterId: 0, encryptionKey: 0, labels: {}, bootId: "", source },
    addresses: [
      { type: "InternalIP", ip: `172.31.240.${n}` },
      { type: "InternalIP", ip: `fd00:31:240::${n}` },
      { type: "CiliumInternalIP", ip: `10.1.${n}.1` },
    ],
  };
}

test("the node map has the underlay addresses of other nodes, with ids that survive a restart", async () => {
  const map = new FakeMap<NodeMapRow>(
    ({ address }) => address,
    [
      { address: "172.31.240.3", nodeId: 7, spi: 0 },
      { address: "172.31.240.99", nodeId: 8, spi: 0 },
    ],
  );
  const nodes = createNodeTable();
  const done = nodes.registerInitializer("kvstore");
  nodes.upsertMany([nodeRow(1, "local"), nodeRow(2), nodeRow(3)]);
  const nodeMap = createNodeMap({ nodes, nodeMap: map });
  await nodeMap.start(new AbortController().signal);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(map.rows.has("172.31.240.99"), "not pruned before all nodes are known");
  done();
  await nodeMap.waitUntilSettled();
  const ids = () =>
    map
      .list()
      .map(({ address, nodeId }) => `${address}=${nodeId}`)
      .sort();
  assert.deepEqual(ids(), ["172.31.240.2=1", "172.31.240.3=7", "fd00:31:240::2=1", "fd00:31:240::3=7"]);
  nodes.delete("default/node2");
  nodes.upsert({ ...nodeRow(3), addresses: [{ type: "InternalIP", ip: "172.31.240.33" }] });
  await eventually("the change", () => ids().join() === "172.31.240.33=7");
  await nodeMap.stop();
});
