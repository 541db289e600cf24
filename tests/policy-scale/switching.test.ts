// SPDX-License-Identifier: Apache-2.0
// At no moment of a policy's change do the maps give an answer that neither the old nor the new policy gives.
import assert from "node:assert/strict";
import { test } from "node:test";
import { switchUnderQuestions } from "./switching.ts";

test("threats: among decisions made all the time, none is lost and none passes while policies are switched", async () => {
  const { asked, lost, passed } = await switchUnderQuestions(1000);
  assert.ok(asked >= 100_000, `too few questions to tell: ${asked}`);
  assert.deepEqual([lost, passed], [0, 0], `of ${asked} each`);
});
