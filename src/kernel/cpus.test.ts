// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { countCpus, possibleCpus } from "./cpus.ts";

test("countCpus() counts ranges and single ones", () => {
  assert.equal(countCpus("0\n"), 1);
  assert.equal(countCpus("0-3,8"), 5);
  assert.equal(countCpus("0-1,4-7,9"), 7);
  assert.throws(() => countCpus("x"), /Cannot read CPU list "x"/);
});

test("possibleCpus() is at least one", () => {
  assert.ok(possibleCpus() >= 1);
});
