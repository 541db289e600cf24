// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Labels } from "../core/index.ts";
import { openKvstore } from "../kvstore/index.ts";
import { createKvstoreIdentityAllocator } from "./kvstore-allocator.ts";
import { restoreIdentities } from "./restore.ts";

const labels = (app: string) => Labels.parse([`k8s:app=${app}`]);

function setUp(t: TestContext) {
  const kvstore = openKvstore({ kind: "memory", options: { "memory.name": t.name } });
  const allocator = createKvstoreIdentityAllocator({ kvstore }, { nodeIp: "192.0.2.1" });
  t.after(async () => {
    await allocator.close();
    await kvstore.close();
  });
  return { kvstore, allocator };
}

test("restoreIdentities() gives labels their old numbers, and new ones to others", async (t) => {
  const { kvstore, allocator } = setUp(t);
  await restoreIdentities(kvstore, allocator.table, [
    { id: 4711, labels: labels("a") },
    { id: 300, labels: labels("b") },
  ]);
  // All are known before the first endpoint asks.
  assert.equal(allocator.lookup(labels("b"))?.id, 300);
  assert.equal((await allocator.allocate(labels("a"))).id, 4711);
  const other = await allocator.allocate(labels("c"));
  assert.ok(other.id !== 4711 && other.id !== 300);
});

test("restoreIdentities() leaves reserved ones, bad numbers and what is known alone", async (t) => {
  const { kvstore, allocator } = setUp(t);
  const known = await allocator.allocate(labels("a"));
  await restoreIdentities(kvstore, allocator.table, [
    { id: 5, labels: Labels.parse(["reserved:init"]) },
    { id: 400, labels: Labels.parse(["reserved:host"]) },
    { id: 70_000, labels: labels("b") },
    { id: known.id, labels: labels("c") },
    { id: 500, labels: labels("a") },
    { id: 501, labels: Labels.empty },
  ]);
  assert.deepEqual((await kvstore.list("cilium/state/identities/v1/id/")).items.length, 1);
  assert.equal((await allocator.allocate(labels("a"))).id, known.id);
});
