// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { IdPool } from "./id-pool.ts";
import { endpointStates, mayFollow } from "./state.ts";

test("mayFollow() lets every state but the last end in disconnecting", () => {
  for (const state of endpointStates) {
    assert.equal(mayFollow(state, "disconnecting"), state !== "disconnected", state);
  }
});

test("mayFollow() never makes an endpoint ready without regenerating", () => {
  for (const state of endpointStates) {
    assert.equal(mayFollow(state, "ready"), state === "ready" || state === "regenerating", state);
  }
});

test("IdPool does not hand out a released id at once", () => {
  const pool = new IdPool();
  const first = pool.allocate();
  pool.release(first);
  assert.notEqual(pool.allocate(), first);
});

test("IdPool continues behind ids that were taken, and wraps", () => {
  const pool = new IdPool();
  assert.ok(pool.take(65534));
  assert.ok(!pool.take(65534));
  assert.equal(pool.allocate(), 65535);
  assert.equal(pool.allocate(), 1);
});

test("IdPool says so when all ids are in use", () => {
  const pool = new IdPool();
  for (let n = 0; n < 65535; n++) pool.allocate();
  assert.throws(() => pool.allocate(), /all 65535 endpoint ids/);
});
