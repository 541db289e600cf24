// SPDX-License-Identifier: Apache-2.0
// A policy change never opens a gap, and never a hole.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Scenario } from "./harness.ts";
import { prepareSwitching, switchPolicies } from "./switching.ts";

let scenario: Scenario;

before(async () => {
  scenario = await Scenario.create("switch");
  await prepareSwitching(scenario);
});

after(async () => await scenario?.delete());

test("threats: policies that both allow a flow lose no packet of it when they are switched, and what both deny never passes", async () => {
  const { allowed, denied } = await switchPolicies(scenario, 300);
  for (const { sent, answered } of allowed) {
    assert.ok(sent > 500, `too little traffic to tell: ${sent}`);
    assert.equal(answered, sent);
  }
  for (const { sent, answered } of denied) {
    assert.ok(sent > 500, `too little traffic to tell: ${sent}`);
    assert.equal(answered, 0);
  }
});
