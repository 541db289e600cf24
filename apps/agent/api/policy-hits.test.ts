// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { createPolicyHitsCalls } from "./policy-hits.ts";

test("policyHits() names the rules, keeps default deny, and leaves rules out that are no more", async () => {
  const rule = {
    policy: "default/web",
    kind: "CiliumNetworkPolicy",
    direction: "ingress",
    section: "ingress[0]",
  } as const;
  const counts = { allowed: 3n, denied: 2n, audited: 1n, stagedAllowed: 5n, stagedDenied: 4n };
  const rows = [0, 16, 17].map((cookie) => ({ cookie, ...counts }));
  const calls = createPolicyHitsCalls({
    engine: { ruleOf: (cookie) => (cookie === 16 ? rule : undefined) },
    datapath: { maps: { policyHits: { list: () => rows } } },
  });
  const numbers = { allowed: 3, denied: 2, audited: 1, "staged-allowed": 5, "staged-denied": 4 };
  assert.deepEqual(await calls.policyHits(), [
    { cookie: 0, ...numbers },
    { cookie: 16, rule, ...numbers },
  ]);
});
