// SPDX-License-Identifier: Apache-2.0
// The allocator in memory keeps the contract.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../core/index.ts";
import { testIdentityAllocator } from "./allocator.conformance.ts";
import { createMemoryIdentityAllocator, MemoryIdentityBackend } from "./memory-allocator.ts";
import { createIdentityTable } from "./table.ts";

testIdentityAllocator("memory", async (range) => {
  const backend = new MemoryIdentityBackend(range);
  return {
    open: async () => createMemoryIdentityAllocator({ backend }),
    [Symbol.asyncDispose]: async () => {},
  };
});

test("the allocator fills the table that it is given", async () => {
  const table = createIdentityTable();
  await using allocator = createMemoryIdentityAllocator({ table });
  assert.equal(allocator.table, table);
  assert.equal((await allocator.allocate(Labels.parse(["k8s:a=b"]))).id, 256);
  assert.equal(table.by("labels", "k8s:a=b;")[0]?.id, 256);
});
