// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createIdentityTable } from "../../src/identity/index.ts";
import { createResourceTable } from "../../src/kubernetes/index.ts";
import { createGate } from "./gate.ts";

function setUp() {
  const resources = createResourceTable();
  const identities = createIdentityTable();
  const done = { manifests: resources.registerInitializer("manifests"), etcd: identities.registerInitializer("etcd") };
  let opened = 0;
  const gate = createGate({ resources, identities, open: () => opened++ });
  const stop = new AbortController();
  return { gate, done, stop, start: () => gate.start(stop.signal), opened: () => opened, resources };
}

const settle = async () => {
  for (let n = 0; n < 5; n++) await turn();
};

test("the gate opens once, when policies and identities are both known, and says what it waits for", async () => {
  const { gate, done, start, opened } = setUp();
  await start();
  await settle();
  assert.match(gate.health?.().message ?? "", /waiting for manifests, etcd$/);
  done.etcd();
  await settle();
  assert.equal(opened(), 0);
  assert.deepEqual(gate.health?.(), {
    state: "degraded",
    message: "Endpoints stay as they are, waiting for manifests",
  });
  done.manifests();
  await settle();
  assert.equal(opened(), 1);
  assert.deepEqual(gate.health?.(), { state: "ok" });
});

test("the gate opens after those who follow the tables have seen the last rows", async () => {
  const { done, start, opened, resources } = setUp();
  let seenAt = -1;
  using _watch = resources.onChange(() => {
    seenAt = opened();
  });
  await start();
  done.etcd();
  const pod = { id: "Pod/default/a", apiVersion: "v1", kind: "Pod", namespace: "default", name: "a", origin: "a.yaml" };
  resources.upsert({ ...pod, object: {} });
  done.manifests();
  await settle();
  assert.equal(opened(), 1);
  assert.equal(seenAt, 0);
});

test("the gate of an agent that stops stays shut", async () => {
  const { done, start, stop, opened } = setUp();
  await start();
  stop.abort();
  done.etcd();
  done.manifests();
  await settle();
  assert.equal(opened(), 0);
});
