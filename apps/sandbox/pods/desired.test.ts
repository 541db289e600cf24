// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkManifests } from "../manifests/input.ts";
import type { PodRecord } from "../types.ts";
import { type DesiredPod, type PodPlan, planPods } from "./desired.ts";
import { newPod } from "./pod.ts";
import { schedule } from "./schedule.ts";

const deployment = (replicas: number, label = "x", node = ""): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: ${label}}}
    spec: {${node} containers: [{name: c}]}
`;
const pod = (label: string, command: string): string => `
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: ${label}}}
spec: {containers: [{name: c, command: [${command}]}]}
`;
const nodes = [
  { name: "node1", labels: {} },
  { name: "node2", labels: { disk: "ssd" } },
];

function counter(): () => number {
  let n = 0;
  return () => (n++ % 27) / 27;
}

const random = counter();

function plan(text: string, present: readonly PodRecord[] = []): PodPlan {
  return planPods(checkManifests(text, "x"), present, random);
}

const place = (pods: readonly DesiredPod[]): PodRecord[] => pods.map((pod) => newPod(pod, "node1"));

test("planPods() makes a Deployment's pods with generated names and its labels", () => {
  const { create } = plan(deployment(2));
  assert.equal(create.length, 2);
  assert.equal(new Set(create.map(({ name }) => name)).size, 2);
  for (const { name, owner, object } of create) {
    assert.match(name, /^web-[bcdfghjklmnpqrstvwxz24-9]{10}-[bcdfghjklmnpqrstvwxz24-9]{5}$/);
    assert.equal(owner, "web");
    const { labels } = object.metadata as { labels: Record<string, string> };
    assert.deepEqual(labels, { app: "x", "pod-template-hash": name.split("-")[1] });
  }
});

test("planPods() scales up, scales down, and replaces pods of another template", () => {
  const present = place(plan(deployment(3)).create);
  assert.deepEqual(plan(deployment(3), present), { create: [], relabel: [], remove: [] });
  assert.equal(plan(deployment(5), present).create.length, 2);
  assert.deepEqual(plan(deployment(1), present).remove, present.slice(1));
  const changed = plan(deployment(3, "y"), present);
  assert.equal(changed.create.length, 3);
  assert.deepEqual(changed.remove, present);
});

test("planPods() relabels a pod that runs, replaces one with another spec or a failure, removes what is not asked for", () => {
  const [a] = place(plan(pod("x", "sleep, '1'")).create);
  assert.ok(a);
  assert.deepEqual(plan(pod("x", "sleep, '1'"), [a]), { create: [], relabel: [], remove: [] });
  assert.deepEqual(
    plan(pod("y", "sleep, '1'"), [a]).relabel.map((item) => item.pod),
    [a],
  );
  const other = plan(pod("x", "sleep, '2'"), [a]);
  assert.deepEqual([other.create.length, other.remove], [1, [a]]);
  const failed = { ...a, failure: "CNI ADD failed" };
  assert.deepEqual(plan(pod("x", "sleep, '1'"), [failed]).remove, [failed]);
  assert.deepEqual(planPods([], [a], random).remove, [a]);
});

test("schedule() spreads a Deployment first, then evens out, and obeys names and selectors", () => {
  const [one, two] = plan(deployment(2)).create;
  assert.ok(one && two);
  const others = ["node1", "node1", "node2"].map((node) => ({ node, namespace: "default" }));
  assert.equal(schedule(one, nodes, []), "node1");
  assert.equal(schedule(one, nodes, others), "node2");
  const sibling = { node: "node2", namespace: "default", owner: "web" };
  assert.equal(schedule(two, nodes, [...others, sibling]), "node1");
  const [pinned] = plan(deployment(1, "x", "nodeName: node1,")).create;
  const [selected] = plan(deployment(1, "x", "nodeSelector: {disk: ssd},")).create;
  const [impossible] = plan(deployment(1, "x", "nodeSelector: {disk: tape},")).create;
  assert.ok(pinned && selected && impossible);
  assert.equal(schedule(pinned, nodes, others), "node1");
  assert.equal(schedule(selected, nodes, []), "node2");
  assert.throws(() => schedule(impossible, nodes, []), /spec\.nodeSelector is \{"disk":"tape"\}/);
});
