// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { createMetrics, Table } from "../../../src/core/index.ts";
import type { IdentityRow } from "../../../src/identity/index.ts";
import { registerState } from "./state.ts";

test("a scope of the key-value store is told to be read when its table has all of it", async () => {
  const metrics = createMetrics();
  const identities = new Table<IdentityRow, number>({ name: "identities", key: ({ id }) => id, indexes: {} });
  const nodes = new Table<IdentityRow, number>({ name: "nodes", key: ({ id }) => id, indexes: {} });
  const read = identities.registerInitializer("kvstore");
  identities.registerInitializer("another");
  const tables = { "identities/v1": identities, "nodes/v1": nodes };
  registerState(metrics, { identities, ipam: { status: () => [] }, shared: { cluster: "c1", tables } });
  const values = async () =>
    (await metrics.text()).split("\n").filter((line) => line.startsWith("cilium_kvstore_initial_sync_completed"));
  const series = (scope: string) =>
    `cilium_kvstore_initial_sync_completed{scope="${scope}",source_cluster="c1",action="read"}`;
  assert.deepEqual(await values(), [`${series("identities/v1")} 0`, `${series("nodes/v1")} 1`]);
  read();
  assert.deepEqual(await values(), [`${series("identities/v1")} 1`, `${series("nodes/v1")} 1`]);
});
