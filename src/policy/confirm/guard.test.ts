// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { configureLogging, FakeClock } from "../../core/index.ts";
import { PolicyEngine } from "../engine/engine.ts";
import { cnp, selector, tcp } from "../testing.ts";
import { type ConfirmedPolicies, HostPolicyGuard } from "./guard.ts";

configureLogging({ level: "silent" });

const PATIENCE = 60_000;

function forHosts(name: string, port: number): Record<string, unknown> {
  const spec = { nodeSelector: {}, ingress: [{ fromEntities: ["world"], toPorts: [tcp(port)] }] };
  const metadata = { name };
  return { apiVersion: "cilium.io/v2", kind: "CiliumClusterwideNetworkPolicy", metadata, spec };
}

class Disk {
  content: ConfirmedPolicies = { resources: [] };
  load = () => this.content;
  save = (content: ConfirmedPolicies) => {
    this.content = JSON.parse(JSON.stringify(content)) as ConfirmedPolicies;
  };
}

/** An agent that starts with these policies. */
function start(disk = new Disk(), ...resources: unknown[]) {
  const clock = new FakeClock();
  const engine = new PolicyEngine();
  const guard = new HostPolicyGuard({ engine, store: disk, clock, patience: PATIENCE });
  const put = (resource: unknown) => guard.engine.upsertParsed(guard.engine.parse(resource));
  guard.restore();
  for (const resource of resources) put(resource);
  guard.settle();
  /** Ports that the engine lets hosts take, and whether they are enforced. */
  const ports = () =>
    [...engine.policies()].map(({ policy }) => policy.rules[0]?.ingress[0]?.toPorts?.[0]?.ports[0]?.first).sort();
  return { clock, disk, engine, guard, put, ports };
}

test("a policy for hosts is in force at once, on trial, and stays when it is confirmed", () => {
  const { guard, put, ports, disk } = start();
  put(forHosts("edge", 22));
  assert.deepEqual([guard.state.kind, ports()], ["provisional", [22]]);
  assert.deepEqual(guard.unconfirmed(), ["CiliumClusterwideNetworkPolicy//edge"]);
  guard.confirm();
  assert.deepEqual([guard.state.kind, ports(), guard.unconfirmed()], ["confirmed", [22], []]);
  assert.equal(disk.content.resources.length, 1);
});

test("a policy that is not confirmed in time gives its place back to what was before it", () => {
  const { clock, guard, put, ports } = start();
  put(forHosts("edge", 22));
  guard.confirm();
  put(forHosts("edge", 443));
  put(forHosts("more", 80));
  assert.deepEqual(ports(), [443, 80]);
  clock.advance(PATIENCE - 1);
  assert.equal(guard.expire("etcd"), false);
  clock.advance(1);
  assert.equal(guard.expire("etcd"), true);
  assert.deepEqual([guard.state.kind, ports()], ["reverted", [22]]);
  // The same again, as a source that is read anew gives it, changes nothing.
  put(forHosts("more", 80));
  assert.deepEqual([guard.state.kind, ports()], ["reverted", [22]]);
  put(forHosts("more", 81));
  assert.deepEqual([guard.state.kind, ports()], ["provisional", [443, 81]]);
});

test("a deletion is on trial too", () => {
  const { clock, guard, put, ports } = start();
  put(forHosts("edge", 22));
  guard.confirm();
  assert.equal(guard.engine.deletePolicy("CiliumClusterwideNetworkPolicy//edge")?.policy.name, "edge");
  assert.deepEqual(ports(), []);
  clock.advance(PATIENCE);
  guard.expire("ssh");
  assert.deepEqual(ports(), [22]);
});

test("policies for pods pass as they are, also under a name that was a host's", () => {
  const { guard, put, engine, ports } = start();
  put(cnp("web", { endpointSelector: selector("app=web"), ingress: [{ toPorts: [tcp(80)] }] }));
  assert.deepEqual([guard.state.kind, ports()], ["confirmed", [80]]);
  put(forHosts("edge", 22));
  const forPods = { ...forHosts("edge", 0), spec: { endpointSelector: {}, ingress: [{ toPorts: [tcp(81)] }] } };
  put(forPods);
  assert.deepEqual([guard.state.kind, ports()], ["confirmed", [80, 81]]);
  assert.ok(guard.engine.deletePolicy("CiliumClusterwideNetworkPolicy//edge"));
  assert.equal([...engine.policies()].length, 1);
});

test("a restart finds the confirmed policies confirmed, and those that were reverted still out of force", () => {
  const first = start();
  first.put(forHosts("edge", 22));
  first.put(forHosts("more", 80));
  first.guard.confirm();
  const second = start(first.disk, forHosts("edge", 22), forHosts("more", 80));
  assert.deepEqual([second.guard.state.kind, second.ports()], ["confirmed", [22, 80]]);
  second.put(forHosts("edge", 443));
  second.clock.advance(PATIENCE);
  second.guard.expire("etcd");
  const third = start(first.disk, forHosts("edge", 443), forHosts("more", 80));
  assert.deepEqual([third.guard.state.kind, third.ports()], ["reverted", [22, 80]]);
});

test("a policy that came while no agent ran, or that was on trial when it ended, is on trial", () => {
  const { disk } = start();
  const { guard, ports, clock } = start(disk, forHosts("edge", 22));
  assert.deepEqual([guard.state.kind, ports()], ["provisional", [22]]);
  clock.advance(PATIENCE);
  guard.expire("etcd");
  assert.deepEqual(ports(), []);
});
