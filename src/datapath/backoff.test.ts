// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "./backoff.ts";

test("Backoff tries again after pauses that double up to the longest", () => {
  let now = 0;
  const tries: number[] = [];
  const backoff = new Backoff(2, 5, () => now);
  for (; now < 15; now++) {
    const work = () => {
      tries.push(now);
      throw new Error("bad");
    };
    assert.throws(() => backoff.run(work), { message: "bad" });
  }
  assert.deepEqual(tries, [0, 2, 6, 11]);
});

test("Backoff forgets after a success", () => {
  let now = 0;
  const backoff = new Backoff(2, 5, () => now);
  const fail = () => {
    throw new Error("bad");
  };
  assert.throws(() => backoff.run(fail));
  now = 2;
  let runs = 0;
  backoff.run(() => runs++);
  backoff.run(() => runs++);
  assert.equal(runs, 2);
});
