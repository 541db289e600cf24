// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConfirmState, confirm, expire, inForce, offer } from "./state.ts";

const PATIENCE = 60_000;
const a: ConfirmState = { kind: "confirmed", wanted: "a" };

test("what is wanted comes into force at once, and stays when it is confirmed", () => {
  const provisional = offer(a, "b", 1000, PATIENCE);
  assert.deepEqual(provisional, { kind: "provisional", wanted: "b", previous: "a", deadline: 61_000 });
  assert.equal(inForce(provisional), "b");
  assert.deepEqual(confirm(provisional), { kind: "confirmed", wanted: "b" });
});

test("without confirmation what was before comes back, not a moment earlier, and says why", () => {
  const provisional = offer(a, "b", 1000, PATIENCE);
  assert.equal(expire(provisional, 60_999, "etcd"), provisional);
  const reverted = expire(provisional, 61_000, "etcd");
  assert.deepEqual(reverted, { kind: "reverted", wanted: "b", previous: "a", since: 61_000, reason: "etcd" });
  assert.equal(inForce(reverted), "a");
  assert.equal(confirm(reverted), reverted, "too late");
});

test("what was reverted is not tried again by itself; another one is, and the one before is confirmed already", () => {
  const reverted = expire(offer(a, "b", 0, PATIENCE), PATIENCE, "etcd");
  assert.equal(offer(reverted, "b", 70_000, PATIENCE), reverted);
  assert.deepEqual(offer(reverted, "a", 70_000, PATIENCE), a);
  const next = offer(reverted, "c", 70_000, PATIENCE);
  assert.deepEqual(next, { kind: "provisional", wanted: "c", previous: "a", deadline: 130_000 });
});

test("changes while one is provisional begin anew, but go back to what was confirmed", () => {
  const second = offer(offer(a, "b", 0, PATIENCE), "c", 30_000, PATIENCE);
  assert.deepEqual(second, { kind: "provisional", wanted: "c", previous: "a", deadline: 90_000 });
  assert.deepEqual(offer(second, "a", 31_000, PATIENCE), a);
  assert.equal(offer(second, "c", 80_000, PATIENCE), second, "the same again gains no time");
});
