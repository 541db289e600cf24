// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { IdPool } from "./id-pool.ts";
import { endpointState, nextPhase, type Phase } from "./state.ts";

const phases: readonly Phase[] = ["restoring", "waiting-for-identity", "active", "disconnecting"];

test("nextPhase() lets every endpoint be deleted, and nothing bring it back", () => {
  for (const phase of phases) assert.equal(nextPhase(phase, "deleted"), "disconnecting");
  assert.equal(nextPhase("disconnecting", "identity-allocated"), undefined);
  assert.equal(nextPhase("disconnecting", "labels-changed"), undefined);
});

test("nextPhase() keeps an active endpoint active while its labels change", () => {
  assert.equal(nextPhase("active", "labels-changed"), "active");
});

test("endpointState() says ready only of an active endpoint whose status is done", () => {
  for (const phase of phases) {
    for (const kind of ["pending", "done", "error"] as const) {
      const state = endpointState(phase, kind === "error" ? { kind, since: 0, error: "x" } : { kind, since: 0 });
      assert.equal(state === "ready", phase === "active" && kind === "done");
    }
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
