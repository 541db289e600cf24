// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { configureLogging } from "../core/index.ts";
import { allow } from "./testing.ts";
import { closed, db, node, open, request, web } from "./testing-node.ts";

configureLogging({ level: "silent" });

test("a restart with the same policy writes nothing that differs", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80));
  n.policies.set(db.canonical, { ...open, egressEnforced: true });
  const ids = [await n.ready(1), await n.ready(2), await n.ready(3, db)].map(({ id }) => id);
  const kernel = structuredClone([n.datapath.slots, n.datapath.addresses, n.datapath.policy.rows]);
  const answer = Promise.withResolvers<void>();
  n.identities.answering = answer.promise;
  await n.restart();
  assert.deepEqual(
    ids.map((id) => n.stateOf(id)),
    ["restoring done", "restoring done", "restoring done"],
  );
  assert.deepEqual([...n.announcer.announced.values()], [300, 300, 301]);
  assert.equal(n.addresses.owners.size, 6);
  assert.deepEqual(n.datapath.takeWrites(), []);
  n.manager.open();
  await n.settled();
  assert.deepEqual(n.datapath.takeWrites(), []);
  answer.resolve();
  await n.until(() => ids.every((id) => n.stateOf(id) === "active done"), "ready again");
  assert.deepEqual([n.datapath.slots, n.datapath.addresses, n.datapath.policy.rows], kernel);
  assert.deepEqual(
    n.datapath.takeWrites().filter((write) => !/^(slot|address) .*( to |revision)/.test(write)),
    [],
  );
  assert.deepEqual(
    [...n.identities.references],
    [
      [300, 2],
      [301, 1],
    ],
  );
  assert.equal(n.row(ids[0] ?? 0).podName, "p1");
  assert.match(n.row(ids[0] ?? 0).log.at(-1)?.message ?? "", /\(Reason: restored endpoint\)$/);
});

test("threats: a set stays as long as the slot of an endpoint that is still being restored names it", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80));
  n.policies.set(db.canonical, closed(80));
  const [first, second] = [await n.ready(1), await n.ready(2, db)];
  const { allocate } = n.identities;
  const late = Promise.withResolvers<void>();
  n.identities.allocate = async (labels) => {
    if (labels.equals(db)) await late.promise;
    return await allocate.call(n.identities, labels);
  };
  await n.restart();
  n.policies.set(web.canonical, closed(81));
  n.manager.open();
  await n.until(() => n.datapath.slots.get(first.id)?.ingressSet === 2, "the first one has a new set");
  await n.settled();
  assert.equal(n.stateOf(second.id), "restoring done");
  assert.deepEqual(n.datapath.policy.sets(), [1, 2]);
  late.resolve();
  await n.until(() => n.stateOf(second.id) === "active done", "ready again");
  await n.collected();
  assert.deepEqual(n.datapath.policy.sets(), [1, 2]);
  await n.manager.delete(second.id);
  await n.collected();
  assert.deepEqual(n.datapath.policy.sets(), [2]);
});

test("what an earlier run left in the kernel goes with the first pass, without waiting for anybody's identity", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80));
  n.policies.set(db.canonical, closed(443));
  const [gone, here] = [await n.ready(1), await n.ready(2, db)];
  n.datapath.policy.writeSet(77, [allow(1, 1)]);
  n.devices.delete("lxc1 101");
  n.identities.answering = new Promise(() => {});
  n.datapath.addresses.set("10.1.0.254", { address: "10.1.0.254", endpointId: 0, host: true });
  await n.restart();
  assert.equal(n.stateOf(gone.id), "gone");
  assert.deepEqual(readdirSync(n.directory), ["2"]);
  assert.equal(n.addresses.owners.size, 2);
  n.manager.open();
  await n.until(() => n.datapath.slots.size === 1, "stale slots are gone");
  await n.collected();
  assert.equal(n.datapath.policy.sets().length, 1);
  assert.deepEqual([...n.datapath.slots.keys()], [here.id]);
  assert.deepEqual(n.datapath.attachedEndpoints(), [here.id]);
  assert.deepEqual([...n.datapath.addresses.keys()].sort(), ["10.1.0.2", "10.1.0.254", "fd00::2"]);
  assert.deepEqual(n.datapath.policy.sets(), [n.datapath.slots.get(here.id)?.ingressSet]);
});

test("a corrupt folder stays, is reported, and its endpoint keeps what the kernel holds", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80));
  const [broken, fine] = [await n.ready(1), await n.ready(2, db)];
  const path = join(n.directory, `${broken.id}`, "endpoint.json");
  writeFileSync(path, "{");
  await n.restart();
  n.manager.open();
  await n.until(() => n.stateOf(fine.id) === "active done", "the other one is ready again");
  await n.settled();
  assert.ok(existsSync(path));
  assert.equal(n.stateOf(broken.id), "gone");
  assert.deepEqual(n.manager.health?.().state, "degraded");
  assert.match(n.manager.health?.().message ?? "", /1 endpoint folder\(s\) in .* cannot be used/);
  assert.ok(n.datapath.slots.has(broken.id) && n.datapath.links.has(broken.id));
  assert.equal(n.datapath.addresses.get("10.1.0.1")?.endpointId, broken.id);
  assert.deepEqual(n.datapath.policy.sets(), [1]);
  assert.equal(n.addresses.owners.get("10.1.0.1"), "endpoint 1");
  n.devices.add("lxc3 103");
  assert.throws(() => n.manager.create(request(3), broken.id), /the id is in use/);
});

test("a file that a power loss left empty goes when the kernel knows nothing of its endpoint, and stays else", async (t) => {
  const n = await node(t);
  const { id } = await n.ready(1);
  const file = (of: number) => join(n.directory, `${of}`, "endpoint.json");
  writeFileSync(file(id), "");
  mkdirSync(join(n.directory, "40"));
  writeFileSync(file(40), "\0".repeat(300));
  await n.restart();
  assert.deepEqual([existsSync(file(id)), existsSync(file(40))], [true, false]);
  assert.match(n.manager.health?.().message ?? "", /^1 endpoint folder\(s\) in .* cannot be used/);
});

test("two folders with one address: the first is restored, the other stays as it is", async (t) => {
  const n = await node(t);
  const { id } = await n.ready(1);
  const copy = JSON.parse(readFileSync(join(n.directory, `${id}`, "endpoint.json"), "utf8"));
  mkdirSync(join(n.directory, "40"));
  writeFileSync(join(n.directory, "40", "endpoint.json"), JSON.stringify({ ...copy, id: 40, containerId: "c40" }));
  await n.restart();
  assert.deepEqual([n.table.has(id), n.table.has(40)], [true, false]);
  assert.equal(n.manager.health?.().state, "degraded");
});

test("a restored endpoint with new labels keeps its old identity in force, and holds one reference in the end", async (t) => {
  const n = await node(t);
  const { id } = await n.ready(1);
  await n.restart();
  n.manager.setLabels(id, db);
  assert.equal(n.row(id).identity, 300);
  n.manager.open();
  await n.until(() => n.stateOf(id) === "active done", "ready again");
  assert.equal(n.datapath.slots.get(id)?.identity, 301);
  assert.deepEqual([...n.identities.references], [[301, 1]]);
});

test("a resync puts back what somebody else removed", async (t) => {
  const n = await node(t);
  const { id } = await n.ready(1);
  n.datapath.addresses.clear();
  n.datapath.links.clear();
  n.clock.advance(60_000);
  await n.until(() => n.datapath.addresses.size === 2, "addresses are back");
  assert.deepEqual(n.datapath.attachedEndpoints(), [id]);
});

test("a restart without audit mode makes flows that it let pass ask again", async (t) => {
  const n = await node(t);
  n.auditMode = true;
  await n.restart();
  n.manager.open();
  n.policies.set(web.canonical, closed(80));
  const { id } = await n.ready(1);
  const before = n.datapath.slots.get(id)?.policyRevision ?? 0;
  assert.equal(n.datapath.slots.get(id)?.audit, true);
  n.auditMode = false;
  await n.restart();
  n.manager.open();
  await n.until(() => n.stateOf(id) === "active done", "ready again");
  assert.equal(n.datapath.slots.get(id)?.audit, false);
  assert.equal(n.datapath.slots.get(id)?.policyRevision, before + 2);
});

test("an endpoint's own audit mode moves its flows' revision, outweighs the agent's, and survives a restart", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80));
  const { id } = await n.ready(1);
  const slot = () => n.datapath.slots.get(id);
  const before = slot()?.policyRevision;
  n.manager.setOptions(id, { auditMode: true });
  await n.until(() => slot()?.audit === true, "audited");
  assert.notEqual(slot()?.policyRevision, before);
  await n.restart();
  n.manager.open();
  await n.until(() => n.stateOf(id) === "active done", "ready again");
  assert.equal(slot()?.audit, true);
  n.auditMode = true;
  await n.restart();
  n.manager.open();
  n.manager.setOptions(id, { auditMode: false });
  await n.until(() => slot()?.audit === false, "not audited, though the agent is");
});
