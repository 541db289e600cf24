// SPDX-License-Identifier: Apache-2.0
// Agents killed at random moments of pod and policy churn: after each, everything is as without a kill.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { clientPod, echoPod, Scenario } from "../scenarios/harness.ts";
import { churn } from "./churn.ts";

/** Another one gives other moments: SEED=7 npm test -- never-lost/kills. */
const seed = Number(process.env.SEED ?? 4);
let scenario: Scenario;

before(async () => {
  scenario = await Scenario.create("kills");
  await scenario.apply(
    [clientPod("client", "node1", { app: "client" }), echoPod("echo", "node2", { app: "echo" })].join(""),
  );
});

after(async () => await scenario?.delete());

test("after kill -9 at random moments, tables, maps and links are what they are without one; bystanders lose nothing", async () => {
  const streams = [4, 6].map((family) => scenario.stream("client", scenario.ip("echo", family as 4 | 6)));
  const { kills, converged } = await churn(scenario, { seed, steps: 5 });
  assert.ok(kills >= 5, `${kills} kills`);
  assert.equal(converged.length, 5);
  for (const { connection, connects, datagrams } of await Promise.all(streams.map((stream) => stream.stop()))) {
    assert.ok(connects.sent > 50, `too little traffic to tell: ${connects.sent}`);
    assert.equal(connection.answered, connection.sent);
    assert.equal(connects.answered, connects.sent);
    assert.equal(datagrams.answered, datagrams.sent);
  }
});
