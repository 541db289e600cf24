// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { configureLogging, Labels } from "../core/index.ts";
import { EndpointError } from "./errors.ts";
import { allow, peerPorts } from "./testing.ts";
import { closed, db, node, open, request, web } from "./testing-node.ts";
import { hostEndpointId } from "./types.ts";

configureLogging({ level: "silent" });

test("create() leads to a ready endpoint: set, slot, programs, then addresses", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80));
  const row = await n.ready(1);
  const { policyRevision } = n.datapath.slots.get(row.id) ?? {};
  assert.deepEqual(n.datapath.takeWrites(), [
    "policy write 1",
    `slot 1 identity 300 sets 1/0 revision ${policyRevision}`,
    "attach 1",
    "address 10.1.0.1 to 1",
    "address fd00::1 to 1",
  ]);
  assert.deepEqual(row.policy, {
    revision: 2,
    ingressEnforced: true,
    egressEnforced: false,
    ingressSet: 1,
    egressSet: 0,
  });
  assert.equal(n.announcer.announced.get(row.id), 300);
  assert.deepEqual([...n.identities.references], [[300, 1]]);
  assert.match(readFileSync(join(n.directory, "1", "endpoint.json"), "utf8"), /"identity":300/);
  assert.deepEqual(
    row.log.map(({ message }) => message),
    ["Endpoint creation", "Successfully regenerated endpoint program (Reason: new endpoint)"],
  );
  assert.equal((await n.manager.ready(row.id, 1000)).id, row.id);
});

test("nothing is written to the kernel before open()", async (t) => {
  const n = await node(t, { closed: true });
  const { id } = n.create(1);
  await n.settled();
  assert.equal(n.stateOf(id), "active pending");
  assert.deepEqual(n.datapath.takeWrites(), []);
  n.manager.open();
  await n.until(() => n.stateOf(id) === "active done", "ready after open()");
});

for (const [what, code, message, change] of [
  ["an address of another endpoint", "conflict", /10\.1\.0\.1 belongs to endpoint 1/, { ipv4: "10.1.0.1" }],
  ["an interface that is an endpoint", "conflict", /"c1:eth0" is endpoint 1 already/, { containerId: "c1" }],
  ["a device that is not there", "invalid", /no device "lxc2" \(index 7\)/, { ifindex: 7 }],
] as const) {
  test(`create() refuses ${what} and leaves nothing`, async (t) => {
    const n = await node(t);
    await n.ready(1);
    n.devices.add("lxc2 102");
    assert.throws(
      () => n.manager.create({ ...request(2), ...change }),
      (error) => {
        assert.ok(error instanceof EndpointError);
        assert.equal(error.code, code);
        assert.match(error.message, message);
        return true;
      },
    );
    assert.deepEqual(readdirSync(n.directory), ["1"]);
    assert.equal(n.table.size, 1);
    assert.equal(n.identities.asked, 1);
  });
}

test("create() refuses an endpoint without an address, and ids that are used or none", async (t) => {
  const n = await node(t);
  await n.ready(1);
  n.devices.add("lxc2 102");
  const { ipv4: _, ipv6: __, ...bare } = request(2);
  assert.throws(() => n.manager.create(bare), /it has no address/);
  assert.throws(() => n.manager.create(request(2), 1), /Cannot create endpoint 1: the id is in use/);
  assert.throws(() => n.manager.create(request(2), 65536), /the id is not 1 to 65535/);
  assert.equal(n.manager.create(request(2), 9).id, 9);
});

test("create() gives the id back when the endpoint cannot be stored", async (t) => {
  const n = await node(t);
  n.devices.add("lxc1 101");
  writeFileSync(join(n.directory, "7"), "");
  assert.throws(() => n.manager.create(request(1), 7), /EEXIST/);
  assert.equal(n.table.size, 0);
  rmSync(join(n.directory, "7"));
  assert.equal(n.manager.create(request(1), 7).id, 7);
});

test("an endpoint waits for its identity, says so, and asks again", async (t) => {
  const n = await node(t);
  n.identities.failure = new Error("Cannot reach etcd");
  const { id } = n.create(1);
  const waiting = n.manager.ready(id, 1000);
  await n.settled();
  assert.equal(n.stateOf(id), "waiting-for-identity done");
  const refused = assert.rejects(
    waiting,
    /Cannot make endpoint 1: not ready within 1 s, it waits for an identity \(Cannot reach etcd\)/,
  );
  n.clock.advance(1000);
  await refused;
  assert.ok(n.identities.asked >= 2);
  assert.deepEqual(n.datapath.takeWrites(), []);
  n.identities.failure = undefined;
  n.clock.advance(5000);
  await n.until(() => n.stateOf(id) === "active done", "ready");
});

test("an endpoint becomes ready even when its identity cannot be stored", async (t) => {
  const n = await node(t);
  const answer = Promise.withResolvers<void>();
  n.identities.answering = answer.promise;
  const { id } = n.create(1);
  mkdirSync(join(n.directory, "1", ".endpoint.json.tmp"));
  answer.resolve();
  await n.until(() => n.stateOf(id) === "active done", "ready");
});

test("new labels: the old identity and its policy stay until the new one is there, and go back once", async (t) => {
  const n = await node(t);
  const { id } = await n.ready(1);
  const answer = Promise.withResolvers<void>();
  n.identities.answering = answer.promise;
  n.manager.setLabels(id, db);
  n.manager.regenerate("all");
  await n.settled();
  assert.equal(n.row(id).identity, 300);
  assert.equal(n.stateOf(id), "active done");
  assert.equal(n.datapath.slots.get(id)?.identity, 300);
  answer.resolve();
  await n.until(() => n.datapath.slots.get(id)?.identity === 301, "the new identity");
  await n.until(() => n.stateOf(id) === "active done", "ready");
  assert.deepEqual([...n.identities.references], [[301, 1]]);
  assert.equal(n.announcer.announced.get(id), 301);
  // Never the policy of one label set for the identity of another.
  for (const [labels, identity] of n.resolved) assert.equal(labels, identity === 300 ? web.canonical : db.canonical);
});

test("the log of an endpoint says why the kernel got it anew", async (t) => {
  const n = await node(t);
  const { id } = await n.ready(1);
  const last = () => n.row(id).log.at(-1)?.message ?? "";
  const changes: readonly (readonly [cause: string, change: () => void])[] = [
    ["policies or identities changed", () => n.manager.regenerate([300])],
    ["options changed", () => n.manager.regenerate("all")],
    ["labels changed", () => n.manager.setLabels(id, db)],
    ["options changed", () => n.manager.setOptions(id, { auditMode: true })],
  ];
  assert.match(last(), /\(Reason: new endpoint\)$/);
  for (const [cause, change] of changes) {
    change();
    await n.until(() => last().endsWith(`(Reason: ${cause})`), cause);
  }
});

test("labels that change faster than identities come leave one reference", async (t) => {
  const n = await node(t);
  const { id } = await n.ready(1);
  const answer = Promise.withResolvers<void>();
  n.identities.answering = answer.promise;
  for (const labels of [db, web, db, web]) n.manager.setLabels(id, labels);
  answer.resolve();
  await n.settled();
  assert.equal(n.row(id).identity, 300);
  assert.deepEqual([...n.identities.references], [[300, 1]]);
});

test("a stored identity never stands beside labels that it was not given for", async (t) => {
  const n = await node(t);
  const { id } = await n.ready(1);
  n.identities.answering = new Promise(() => {});
  n.manager.setLabels(id, db);
  const stored = JSON.parse(readFileSync(join(n.directory, `${id}`, "endpoint.json"), "utf8"));
  assert.deepEqual([stored.labels, stored.identity], [["k8s:app=web"], 300]);
});

test("a tighter policy of all who use a set: its users are marked, it changes in place, and the revision moves", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80, 81));
  const { id } = await n.ready(1);
  const before = n.datapath.slots.get(id)?.policyRevision ?? 0;
  n.datapath.takeWrites();
  n.change(web, closed(80));
  await n.until(() => n.stateOf(id) === "active done", "ready");
  assert.deepEqual(n.datapath.takeWrites(), [
    "slot 1 changing",
    "policy change 1",
    `slot 1 identity 300 sets 1/0 revision ${before + 2}`,
    "address 10.1.0.1 to 1",
    "address fd00::1 to 1",
  ]);
});

test("threats: an agent that ended while a set lost something moves the revision of its users", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80, 81));
  const { id } = await n.ready(1);
  const before = n.datapath.slots.get(id)?.policyRevision ?? 0;
  n.datapath.refuse = (write) => (write.endsWith(`revision ${before + 2}`) ? new Error("EIO") : undefined);
  n.change(web, closed(80));
  await n.until(() => n.stateOf(id) === "active error", "in error");
  assert.deepEqual(n.datapath.slots.get(id), { ...n.datapath.slots.get(id), policyRevision: before, changing: true });
  n.datapath.refuse = () => undefined;
  await n.restart();
  n.manager.open();
  await n.until(() => n.stateOf(id) === "active done", "ready");
  assert.equal(n.datapath.slots.get(id)?.policyRevision, before + 2);
  assert.equal(n.datapath.slots.get(id)?.changing, undefined);
});

test("a policy of some who use a set: the new set is whole before the slot names it, the revision moves with it and behind it", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80, 81));
  n.policies.set(db.canonical, closed(80, 81));
  const { id } = await n.ready(1);
  await n.ready(2, db);
  const before = n.datapath.slots.get(id)?.policyRevision ?? 0;
  n.datapath.takeWrites();
  n.change(web, closed(80));
  await n.until(() => n.datapath.slots.get(id)?.ingressSet === 2, "the new set");
  await n.until(() => n.stateOf(id) === "active done", "ready");
  assert.deepEqual(n.datapath.takeWrites(), [
    "policy write 2",
    `slot 1 identity 300 sets 2/0 revision ${before + 1}`,
    `slot 1 identity 300 sets 2/0 revision ${before + 2}`,
    "address 10.1.0.1 to 1",
    "address fd00::1 to 1",
  ]);
  await n.manager.delete(2);
  await n.collected();
  assert.deepEqual(n.datapath.policy.sets(), [2]);
});

test("a policy that only allows more leaves the revision, and established flows, alone", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80));
  const { id } = await n.ready(1);
  const before = n.datapath.slots.get(id)?.policyRevision ?? 0;
  n.change(web, closed(80, 81));
  await n.until(() => n.datapath.policy.rows.length === 2, "the new entry");
  await n.settled();
  assert.equal(n.datapath.slots.get(id)?.policyRevision, before);
  n.change(web, { ...open, ingressEnforced: true });
  await n.until(() => n.datapath.policy.rows.length === 0, "an empty set");
  await n.settled();
  assert.equal(n.datapath.slots.get(id)?.policyRevision, before + 2);
});

test("a policy that does not fit keeps the last good one in force, is retried, and holds nobody up", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80));
  const { id } = await n.ready(1);
  const other = await n.ready(2, db);
  const slot = n.datapath.slots.get(id);
  n.datapath.policy.capacity = 2;
  n.change(web, closed(80, 81, 82));
  n.change(db, closed(80));
  await n.until(() => n.stateOf(id) === "active error", "in error");
  await n.until(() => n.datapath.slots.get(other.id)?.ingressSet === 1, "the other one shares the set");
  const { status } = n.row(id);
  const error = status.kind === "error" ? status.error : "";
  assert.match(
    error,
    /E2BIG.*, policy "default\/rule1" adds most: 3 of 3 entries \(narrow it or raise bpf-policy-map-max\)/,
  );
  assert.deepEqual([...n.manager.policyOverflows()], [["default/rule1", 3]]);
  assert.match(n.row(id).log.at(-1)?.message ?? "", /E2BIG/);
  assert.equal(n.manager.health?.().state, "degraded");
  assert.deepEqual(n.datapath.slots.get(id), slot);
  assert.deepEqual(n.datapath.policy.sets(), [1]);
  n.datapath.policy.capacity = 100;
  n.clock.advance(10_000);
  await n.until(() => n.stateOf(id) === "active done", "ready after the retry");
  assert.equal(n.datapath.policy.list(n.datapath.slots.get(id)?.ingressSet).length, 3);
  assert.equal(n.manager.health?.().state, "ok");
  assert.equal(n.manager.policyOverflows().size, 0);
});

test("a policy of which one direction does not fit leaves nothing of the other", async (t) => {
  const n = await node(t);
  const { id } = await n.ready(1);
  const egress = [80, 81, 82].map((port) => ({ ...allow(300, port), direction: "egress" as const }));
  n.datapath.policy.capacity = 3;
  n.change(web, { ...closed(80), egressEnforced: true, peers: { ...closed(80).peers, egress: peerPorts(egress) } });
  await n.until(() => n.stateOf(id) === "active error", "in error");
  await n.collected();
  assert.deepEqual(n.datapath.policy.sets(), []);
});

test("a policy that cannot be resolved keeps the last good one in force", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80));
  const { id } = await n.ready(1);
  const slot = n.datapath.slots.get(id);
  n.change(web, new Error("too many entries"));
  await n.until(() => n.stateOf(id) === "active error", "in error");
  assert.deepEqual(n.datapath.slots.get(id), slot);
});

test("a slot that cannot be written leaks no set however often it is tried, and holds nobody up", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80));
  const { id } = await n.ready(1);
  const other = await n.ready(2, db);
  n.datapath.refuse = (write) => (write.startsWith("slot 1 ") ? new Error("EIO") : undefined);
  n.change(web, closed(81));
  n.change(db, closed(81));
  await n.until(() => n.stateOf(id) === "active error", "in error");
  await n.until(() => n.datapath.slots.get(other.id)?.ingressSet === 2, "the other one has a set");
  for (let tries = 0; tries < 5; tries++) {
    n.clock.advance(10_000);
    await n.settled();
  }
  // Which of the two the slot names is not known after a failed write.
  assert.deepEqual(n.datapath.policy.sets(), [1, 2]);
  n.datapath.refuse = () => undefined;
  n.clock.advance(10_000);
  await n.until(() => n.stateOf(id) === "active done", "ready");
  await n.collected();
  assert.deepEqual(n.datapath.policy.sets(), [2]);
  await n.manager.delete(id);
  await n.collected();
  assert.deepEqual(n.datapath.policy.sets(), [2]);
  await n.manager.delete(other.id);
  await n.collected();
  assert.deepEqual(n.datapath.policy.sets(), []);
});

test("threats: the revision moves although the write that should have moved it failed", async (t) => {
  const n = await node(t);
  n.policies.set(web.canonical, closed(80, 81));
  n.policies.set(db.canonical, closed(80, 81));
  const { id } = await n.ready(1);
  await n.ready(2, db);
  const before = n.datapath.slots.get(id)?.policyRevision ?? 0;
  n.datapath.refuse = (write) => (write.endsWith(`revision ${before + 2}`) ? new Error("EIO") : undefined);
  n.change(web, closed(80));
  await n.until(() => n.stateOf(id) === "active error", "in error");
  assert.equal(n.datapath.slots.get(id)?.ingressSet, 2);
  n.datapath.refuse = () => undefined;
  n.clock.advance(10_000);
  await n.until(() => n.stateOf(id) === "active done", "ready");
  assert.equal(n.datapath.slots.get(id)?.policyRevision, before + 3);
});

test("an address map that is full fails only the endpoints that do not fit", async (t) => {
  const n = await node(t, { closed: true });
  const [first, second] = [n.create(1), n.create(2)];
  n.datapath.refuse = (write) => (write.startsWith("address 10.1.0.2") ? new Error("E2BIG") : undefined);
  await n.settled();
  n.manager.open();
  await n.until(() => n.stateOf(second.id) === "active error", "in error");
  assert.equal(n.stateOf(first.id), "active done");
});

const hostLabels = Labels.parse(["reserved:host"]);

test("the host has an endpoint without programs, addresses and folder, and keeps it over label changes", async (t) => {
  const n = await node(t);
  const device = { name: "cilium_host", ifindex: 5 };
  n.policies.set(hostLabels.canonical, closed(22));
  n.manager.ensureHost(hostLabels, device);
  await n.until(() => n.stateOf(hostEndpointId) === "active done", "the host's policy in force");
  const slot = n.datapath.slots.get(hostEndpointId);
  assert.deepEqual([slot?.identity, slot?.ifindex, slot?.enforceIngress], [1, 5, true]);
  assert.ok(n.datapath.takeWrites().every((write) => !/^(attach|address)/.test(write)));
  assert.deepEqual(readdirSync(n.directory), []);
  n.manager.ensureHost(hostLabels, device);
  await n.settled();
  assert.deepEqual(n.datapath.takeWrites(), []);
  const other = Labels.parse(["reserved:host", "k8s:role=edge"]);
  n.policies.set(other.canonical, open);
  n.manager.ensureHost(other, device);
  await n.until(() => n.datapath.slots.get(hostEndpointId)?.enforceIngress === false, "the other labels' policy");
  await assert.rejects(n.manager.delete(hostEndpointId), { message: /it is the host/ });
  assert.throws(() => n.manager.create(request(1), hostEndpointId), { message: /no device|the id is in use/ });
});
