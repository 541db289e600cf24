// SPDX-License-Identifier: Apache-2.0
// The allocator over a key-value store keeps the contract, with a store in memory and with a real etcd.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Labels } from "../core/index.ts";
import { eventually } from "../core/testing.ts";
import { type Kvstore, openKvstore } from "../kvstore/index.ts";
import { TestEtcd } from "../kvstore/testing.ts";
import { type AllocatorFixture, testIdentityAllocator } from "./allocator.conformance.ts";
import { createKvstoreIdentityAllocator } from "./kvstore-allocator.ts";
import type { IdentityRange, IdentityRow } from "./types.ts";

const ids = "cilium/state/identities/v1/id/";
const values = "cilium/state/identities/v1/value/";
let stores = 0;
let etcd: TestEtcd;
before(async () => {
  etcd = await TestEtcd.start();
});
after(() => etcd[Symbol.asyncDispose]());

function fixtureOver(open: () => Kvstore, range: IdentityRange): AllocatorFixture {
  const opened: Kvstore[] = [];
  return {
    async open() {
      const kvstore = open();
      const nodeIp = `172.31.240.${opened.push(kvstore)}`;
      const allocator = createKvstoreIdentityAllocator({ kvstore }, { nodeIp, range, timeoutMs: 5000 });
      await allocator.ready();
      return allocator;
    },
    [Symbol.asyncDispose]: async () => void (await Promise.all(opened.map((kvstore) => kvstore.close()))),
  };
}

/** A store in memory of its own. */
function memoryOpener(): () => Kvstore {
  const name = `identity-test-${stores++}`;
  return () => openKvstore({ kind: "memory", options: { "memory.name": name } });
}

testIdentityAllocator("kvstore allocator over memory", async (range) => fixtureOver(memoryOpener(), range));

testIdentityAllocator("kvstore allocator over etcd", async (range) => {
  await using kvstore = openKvstore(etcd.config());
  await kvstore.deletePrefix("cilium/");
  return fixtureOver(() => openKvstore(etcd.config()), range);
});

const labels = Labels.parse(["k8s:class=deathstar", "k8s:org=empire"]);

async function pair() {
  const open = memoryOpener();
  const kvstore = open();
  const one = createKvstoreIdentityAllocator({ kvstore }, { nodeIp: "172.31.240.1" });
  await one.ready();
  return { open, kvstore, one };
}

test("allocate() writes Cilium's keys: a master without lease, a slave under the node's lease", async () => {
  const { kvstore, one } = await pair();
  const { id } = await one.allocate(labels);
  const master = await kvstore.get(`${ids}${id}`);
  assert.equal(master?.value, "k8s:class=deathstar;k8s:org=empire;");
  assert.equal(master.lease, 0n);
  const slave = await kvstore.get(`${values}k8s:class=deathstar;k8s:org=empire;/172.31.240.1`);
  assert.equal(slave?.value, `${id}`);
  assert.notEqual(slave.lease, 0n);
  await one.release(id);
  assert.equal(await kvstore.get(slave.key), undefined);
  assert.equal((await kvstore.get(`${ids}${id}`))?.value, master.value);
  await one.close();
});

test("a master key that vanishes while in use is put back, and the identity stays known", async () => {
  const { kvstore, one } = await pair();
  const { id } = await one.allocate(labels);
  await kvstore.delete(`${ids}${id}`);
  await eventually("the master key", async () => (await kvstore.get(`${ids}${id}`))?.value === labels.canonical);
  assert.equal(one.get(id)?.labels.canonical, labels.canonical);
  await one.close();
});

test("a store that loses its data while in use gets masters and slaves back with the same numbers", async () => {
  await using own = await TestEtcd.start();
  await using kvstore = openKvstore(own.config());
  const allocator = createKvstoreIdentityAllocator({ kvstore }, { nodeIp: "172.31.240.1" });
  await allocator.ready();
  const { id } = await allocator.allocate(labels);
  const unused = await allocator.allocate(Labels.parse(["k8s:app=unused"]));
  await allocator.release(unused.id);
  await own.kill();
  own.wipe();
  assert.equal(allocator.get(id)?.id, id);
  await own.resume();
  await eventually("the master key", async () => (await kvstore.get(`${ids}${id}`))?.value === labels.canonical);
  const slave = `${values}${labels.canonical}/172.31.240.1`;
  await eventually("the slave key", async () => (await kvstore.get(slave))?.value === `${id}`);
  // Other nodes may use it: it stays known, and its labels get the number again.
  assert.equal(allocator.get(unused.id)?.id, unused.id);
  assert.equal((await allocator.allocate(unused.labels)).id, unused.id);
  assert.equal((await allocator.allocate(labels)).id, id);
  const other = await allocator.allocate(Labels.parse(["k8s:app=other"]));
  assert.notEqual(other.id, id);
  await allocator.close();
});

test("poisoned keys are skipped, named, and stop nothing", async () => {
  const { kvstore, one } = await pair();
  const poison: Record<string, string> = {
    "256": "",
    "258": "reserved:host=;",
    "259": "x".repeat(40_000),
    "12": "k8s:app=low;",
    "9999999999999": "k8s:app=high;",
    abc: "k8s:app=name;",
  };
  for (const [id, value] of Object.entries(poison)) await kvstore.put(ids + id, value);
  await kvstore.put(`${ids}300`, "k8s:app=good;");
  await eventually("the good one", () => one.get(300) !== undefined);
  const skipped = one.skipped().map(({ key }) => key.slice(ids.length));
  assert.deepEqual(skipped.sort(), Object.keys(poison).sort());
  for (const id of Object.keys(poison)) assert.equal(one.get(Number(id)), undefined, id);
  assert.ok((await one.allocate(labels)).id > 0);
  await kvstore.delete(`${ids}258`);
  await eventually("the end of the report", () => !one.skipped().some(({ key }) => key.endsWith("/258")));
  await one.close();
});

test("allocate() fails within its time without a store, and works again after", async () => {
  await using own = await TestEtcd.start();
  await using kvstore = openKvstore(own.config());
  const allocator = createKvstoreIdentityAllocator({ kvstore }, { nodeIp: "172.31.240.1", timeoutMs: 1000 });
  await allocator.ready();
  await own.kill();
  await assert.rejects(allocator.allocate(labels), /Cannot .*: /);
  await own.resume();
  await eventually("an identity", async () => {
    try {
      return (await allocator.allocate(labels)).id > 0;
    } catch {
      return false;
    }
  });
  await allocator.close();
});

test("a collection on one node never removes what another takes up at the same time", async () => {
  const open = memoryOpener();
  const allocators = ["172.31.240.1", "172.31.240.2"].map((nodeIp) =>
    createKvstoreIdentityAllocator({ kvstore: open() }, { nodeIp }),
  );
  const [one, two] = allocators;
  assert.ok(one && two);
  await Promise.all([one.ready(), two.ready()]);
  for (let round = 0; round < 30; round++) {
    const { id } = await one.allocate(labels);
    await one.release(id);
    await one.collectGarbage();
    const [row]: [IdentityRow, unknown] = await Promise.all([two.allocate(labels), one.collectGarbage()]);
    await eventually("both agree", () => one.get(row.id)?.labels.equals(labels) === true);
    assert.equal(one.lookup(labels)?.id, row.id);
    await two.release(row.id);
    await two.collectGarbage();
    await two.collectGarbage();
    await eventually("the removal", () => one.get(row.id) === undefined && two.get(row.id) === undefined);
  }
  await Promise.all([one.close(), two.close()]);
});
