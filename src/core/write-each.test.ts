// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { writeEach } from "./write-each.ts";

/** What was written, and what failed; a batch with a bad row writes nothing. */
function written(rows: readonly string[]) {
  const calls: string[] = [];
  const failed = writeEach(
    rows,
    (row) => row,
    (some) => {
      const bad = some.find((row) => row.startsWith("bad"));
      if (bad !== undefined) throw new Error(`no room for ${bad}`);
      calls.push(some.join());
    },
  );
  return { calls, failed: [...failed].map(([key, { message }]) => `${key}: ${message}`) };
}

test("writeEach() writes at once what it can", () => {
  assert.deepEqual(written(["a", "b"]), { calls: ["a,b"], failed: [] });
  assert.deepEqual(written([]), { calls: [], failed: [] });
});

test("writeEach() writes the others of a batch that fails one by one", () => {
  assert.deepEqual(written(["a", "bad1", "b"]), { calls: ["a", "b"], failed: ["bad1: no room for bad1"] });
  assert.deepEqual(written(["bad"]), { calls: [], failed: ["bad: no room for bad"] });
});
