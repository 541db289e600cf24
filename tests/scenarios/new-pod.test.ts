// SPDX-License-Identifier: Apache-2.0
// A new pod's packets denied, because its identity has not arrived. The agent of the node that it talks to
// stands still while the pod is made: the pod is not said to be made before that node knows who it is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DropReason } from "../../src/abi/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { scenarioName } from "./harness.ts";
import { NewPods } from "./new-pods.ts";

const unknown = [DropReason.DROP_UNKNOWN_IDENTITY];
const burst = 20;

test("threats: a new pod's first packets are let in on other nodes, whose policies never saw its labels", async () => {
  await using pods = await NewPods.create(scenarioName("new"), { "identity-arrival-timeout": "10m" });
  const [first, second] = ["first", "second"].map((name) => ({ name, labels: { client: "yes", run: name } }));
  assert.ok(first && second);
  await pods.announce([first, second]);

  const usual = pods.add(first);
  await usual.added;
  assert.equal((await usual.burst(burst)).lost, 0);
  assert.equal(pods.refused(), 0);

  pods.freeze(true);
  const late = pods.add(second);
  const answered = late.added.then(() => "answered");
  try {
    await pods.readyAtHome(second);
    // No runtime starts a pod by now; whoever sends all the same is told why, and not for good.
    await eventually("a packet of the unknown identity", async () => {
      await late.burst(1, 200);
      return pods.refused(unknown) > 0;
    });
    assert.equal(await Promise.race([answered, "waits"]), "waits");
  } finally {
    pods.freeze(false);
  }
  await answered;
  const before = pods.refused();
  assert.equal((await late.burst(burst)).lost, 0);
  assert.equal(pods.refused(), before);
  assert.equal(pods.refused(unknown), before, "no packet of these pods was called denied");
});
