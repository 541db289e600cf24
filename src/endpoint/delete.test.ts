// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { configureLogging } from "../core/index.ts";
import { closed, node, request, web } from "./testing-node.ts";

configureLogging({ level: "silent" });

test("delete() takes addresses out first and gives everything back", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80));
  const { id } = await n.ready(1);
  n.datapath.takeWrites();
  assert.equal(await n.manager.delete(id), true);
  assert.deepEqual(n.datapath.takeWrites(), [
    "address 10.1.0.1 removed",
    "address fd00::1 removed",
    "detach 1",
    "slot 1 cleared",
    "policy retire 1",
  ]);
  await n.settled();
  assert.equal(n.stateOf(id), "gone");
  assert.equal(n.identities.references.size, 0);
  assert.equal(n.addresses.owners.size, 0);
  assert.equal(n.announcer.announced.size, 0);
  assert.deepEqual(readdirSync(n.directory), []);
  assert.equal(await n.manager.delete(id), false);
  n.devices.add("lxc2 102");
  assert.equal(n.manager.create(request(2), id).id, id);
});

test("two delete() at once give back once", async (t) => {
  const n = await node(t);
  const { id } = await n.ready(1);
  assert.deepEqual(await Promise.all([n.manager.delete(id), n.manager.delete(id)]), [true, true]);
  await n.settled();
  assert.equal(n.identities.references.size, 0);
});

test("delete() that failed can be repeated", async (t) => {
  const n = await node(t);
  const { id } = await n.ready(1);
  n.datapath.refuse = (write) => (write.startsWith("detach") ? new Error("EBUSY") : undefined);
  await assert.rejects(n.manager.delete(id), /EBUSY/);
  assert.equal(n.stateOf(id), "disconnecting done");
  assert.equal(n.addresses.owners.size, 2);
  n.datapath.refuse = () => undefined;
  assert.equal(await n.manager.delete(id), true);
  assert.equal(n.datapath.slots.size + n.datapath.links.size, 0);
});

test("delete() while an update is under way leaves nothing", async (t) => {
  const n = await node(t);
  const attached = Promise.withResolvers<void>();
  n.datapath.attaching = attached.promise;
  const [first, second] = [n.create(1), n.create(2)];
  await n.until(() => n.datapath.slots.size === 2, "slots written");
  const deleted = Promise.all([n.manager.delete(second.id), n.manager.delete(first.id)]);
  await n.settled();
  attached.resolve();
  await deleted;
  await n.settled();
  assert.deepEqual([n.datapath.slots.size, n.datapath.links.size, n.datapath.addresses.size], [0, 0, 0]);
  assert.equal(n.identities.references.size, 0);
});

test("delete() while the identity is asked for gives the late answer back", async (t) => {
  const n = await node(t);
  const answer = Promise.withResolvers<void>();
  n.identities.answering = answer.promise;
  const { id } = n.create(1);
  const waiting = assert.rejects(n.manager.ready(id, 1000), /Cannot make endpoint 1: deleted meanwhile/);
  assert.equal(await n.manager.delete(id), true);
  answer.resolve();
  await waiting;
  await n.settled();
  assert.equal(n.identities.references.size, 0);
  assert.deepEqual(n.datapath.takeWrites(), ["detach 1"]);
});

test("delete() ends the requests for an identity", async (t) => {
  const n = await node(t);
  n.identities.failure = new Error("Cannot reach etcd");
  const { id } = n.create(1);
  await n.settled();
  await n.manager.delete(id);
  const { asked } = n.identities;
  n.clock.advance(60_000);
  await n.settled();
  assert.equal(n.identities.asked, asked);
});

test("an update that waited for its turn does not write what is out of date", async (t) => {
  const n = await node(t);
  const [first, second] = [await n.ready(1), await n.ready(2)];
  const detached = Promise.withResolvers<void>();
  n.datapath.detaching = detached.promise;
  const deletions = [n.manager.delete(second.id)];
  n.change(web, closed(80));
  await n.settled();
  deletions.push(n.manager.delete(first.id));
  n.datapath.takeWrites();
  detached.resolve();
  await Promise.all(deletions);
  const writes = n.datapath.takeWrites();
  assert.ok(writes.includes("slot 1 cleared"));
  assert.deepEqual(
    writes.filter((write) => /slot . identity|policy/.test(write)),
    [],
  );
});
