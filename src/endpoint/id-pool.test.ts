// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { IdPool } from "./id-pool.ts";

test("upcoming() tells the ids that allocate() gives next, around the end and past those in use", () => {
  const ids = new IdPool(65_533);
  ids.take(65_534);
  ids.take(2);
  const told = ids.upcoming(4);
  assert.deepEqual(told, [65_535, 1, 3, 4]);
  assert.deepEqual(
    told.map(() => ids.allocate()),
    told,
  );
});

test("upcoming() ends when there are no more", () => {
  const ids = new IdPool();
  for (let id = 1; id < 65_535; id++) ids.allocate();
  assert.deepEqual(ids.upcoming(3), [65_535]);
});
