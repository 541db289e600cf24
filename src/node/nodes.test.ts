// SPDX-License-Identifier: Apache-2.0
// Nodes that join, leave, die and come back, over a store in memory and a real etcd.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually } from "../core/testing.ts";
import { type Kvstore, openKvstore } from "../kvstore/index.ts";
import { TestEtcd } from "../kvstore/testing.ts";
import { createNodes, type Nodes } from "./index.ts";
import type { NodeRow } from "./types.ts";

let stores = 0;
let etcd: TestEtcd;
before(async () => {
  etcd = await TestEtcd.start();
});
after(() => etcd[Symbol.asyncDispose]());

function row(n: number): NodeRow {
  return {
    ...{ name: `node${n}`, cluster: "default", clusterId: 0, encryptionKey: 0, labels: {}, bootId: `boot-${n}` },
    addresses: [{ type: "InternalIP", ip: `172.31.240.${n}` }],
    ...{ ipv4PodCidr: `10.1.${n}.0/24`, source: "local" },
  };
}

/** Withdrawals wait no longer than tests do. */
const held = { graceMs: 100, lostMs: 100 };

interface TestNode extends AsyncDisposable {
  readonly nodes: Nodes;
  readonly kvstore: Kvstore;
}

async function startNode(kvstore: Kvstore, n: number): Promise<TestNode> {
  const nodes = createNodes({ kvstore, held }, { local: row(n) });
  await nodes.start(new AbortController().signal);
  const stop = async () => {
    await nodes.stop();
    await kvstore.close();
  };
  return { nodes, kvstore, [Symbol.asyncDispose]: stop };
}

function names({ nodes }: TestNode): string {
  return [...nodes.table.all()]
    .map(({ name, source }) => `${name}:${source}`)
    .sort()
    .join(" ");
}

function memoryStore(): () => Kvstore {
  const options = { "memory.name": `nodes-test-${stores++}` };
  return () => openKvstore({ kind: "memory", options });
}

test("nodes find each other, see changes, and see one leave", async () => {
  const open = memoryStore();
  await using one = await startNode(open(), 1);
  await using two = await startNode(open(), 2);
  await one.nodes.table.initialized();
  await eventually(
    "both on both",
    () => names(one) === "node1:local node2:kvstore" && names(two) === "node1:kvstore node2:local",
  );
  assert.deepEqual(one.nodes.table.get("default/node2"), { ...row(2), source: "kvstore" });
  assert.equal(one.nodes.table.by("ip", "172.31.240.2")[0]?.name, "node2");
  two.nodes.setLocal({ ipv4PodCidr: "10.1.99.0/24" });
  await eventually("the change", () => one.nodes.table.get("default/node2")?.ipv4PodCidr === "10.1.99.0/24");
  await two.nodes.stop();
  await two.kvstore.close({ revoke: true });
  await eventually("the withdrawal", () => names(one) === "node1:local");
});

test("a node that dies is withdrawn when its lease ends, and comes back", async () => {
  await using one = await startNode(openKvstore(etcd.config(1)), 1);
  const two = await startNode(openKvstore(etcd.config(1)), 2);
  await eventually("both", () => names(one) === "node1:local node2:kvstore");
  await two[Symbol.asyncDispose]();
  await eventually("the withdrawal", () => names(one) === "node1:local");
  await using _again = await startNode(openKvstore(etcd.config(1)), 2);
  await eventually("its return", () => names(one) === "node1:local node2:kvstore");
});

test("without etcd the nodes stay; after it lost its data they announce themselves again", async () => {
  await using own = await TestEtcd.start();
  await using one = await startNode(openKvstore(own.config()), 1);
  await using two = await startNode(openKvstore(own.config()), 2);
  await eventually("both", () => names(one).includes("node2") && names(two).includes("node1"));
  await own.kill();
  await eventually("the status", () => one.kvstore.status().state === "Failure");
  assert.equal(names(one), "node1:local node2:kvstore");
  own.wipe();
  await own.resume();
  const keys = async () =>
    (await one.kvstore.list("cilium/state/nodes/v1/")).items.map(({ key }) => key.slice(-5)).join(" ");
  await eventually("both keys", async () => (await keys().catch(() => "")) === "node1 node2");
  await eventually("both nodes", () => names(one) === "node1:local node2:kvstore");
});

test("poisoned nodes are skipped and named; what was last right of a node stays", async () => {
  const open = memoryStore();
  await using other = open();
  await using one = await startNode(open(), 1);
  await using two = await startNode(open(), 2);
  await eventually("both", () => names(one).includes("node2"));
  await other.put("cilium/state/nodes/v1/default/bad", '{"Name": 7}');
  await other.put("cilium/state/nodes/v1/default/node2", "garbage");
  await eventually("the report", () => one.nodes.skipped().length === 2);
  assert.equal(one.nodes.health().state, "degraded");
  assert.equal(names(one), "node1:local node2:kvstore");
  two.nodes.setLocal({ bootId: "boot-new" });
  await other.delete("cilium/state/nodes/v1/default/bad");
  await eventually("the end of the report", () => one.nodes.health().state === "ok");
  assert.equal(one.nodes.table.get("default/node2")?.bootId, "boot-new");
});

test("an own key that someone removes is put back", async () => {
  const open = memoryStore();
  await using other = open();
  await using one = await startNode(open(), 1);
  await eventually("the key", async () => (await other.get("cilium/state/nodes/v1/default/node1")) !== undefined);
  await one.nodes.table.initialized();
  await other.delete("cilium/state/nodes/v1/default/node1");
  await eventually("its return", async () => (await other.get("cilium/state/nodes/v1/default/node1")) !== undefined);
});

test("sources are ranked: kvstore before custom-resource, which takes over when the former goes", async () => {
  const open = memoryStore();
  await using one = await startNode(open(), 1);
  one.nodes.upsert({ ...row(2), source: "custom-resource" });
  assert.equal(names(one), "node1:local node2:custom-resource");
  const two = await startNode(open(), 2);
  await eventually("the better source", () => names(one) === "node1:local node2:kvstore");
  one.nodes.upsert({ ...row(1), source: "custom-resource" });
  await two.nodes.stop();
  await two.kvstore.close({ revoke: true });
  await eventually("the next best source", () => names(one) === "node1:local node2:custom-resource");
  one.nodes.remove({ name: "node2", cluster: "default", source: "custom-resource" });
  one.nodes.remove({ name: "node1", cluster: "default", source: "custom-resource" });
  assert.equal(names(one), "node1:local");
});
