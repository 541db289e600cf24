// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetrics } from "../core/index.ts";
import { scopeOf } from "./measured.ts";
import { openKvstore } from "./module.ts";

test("operations are timed by what they do and what they are about", async () => {
  const metrics = createMetrics();
  await using kvstore = openKvstore({ kind: "memory", options: { "memory.name": "measured" } }, { metrics });
  const key = "cilium/state/identities/v1/id/300";
  await kvstore.put(key, "a");
  await kvstore.get(key);
  assert.equal(await kvstore.createOnly(key, "b"), false);
  await kvstore.list("cilium/state/nodes/v1/");
  await kvstore.delete(key);
  const counts = (await metrics.values()).filter(({ name }) => name.endsWith("_duration_seconds_count"));
  assert.deepEqual(
    counts.map(({ labels, value }) => [labels.action, labels.kind, labels.outcome, labels.scope, value]),
    [
      ["Update", "set", "success", "identities/v1", 1],
      ["Get", "read", "success", "identities/v1", 1],
      ["CreateOnly", "create", "success", "identities/v1", 1],
      ["ListPrefix", "read", "success", "nodes/v1", 1],
      ["Delete", "delete", "success", "identities/v1", 1],
    ],
  );
});

test("scopeOf() makes no scope of a key of its own", () => {
  assert.equal(scopeOf("cilium/state/ip/v1/default/10.0.0.1"), "ip/v1");
  assert.equal(scopeOf("cilium/state/nodes/v1"), "nodes/v1");
  assert.equal(scopeOf("anything/else/300"), "other");
});
