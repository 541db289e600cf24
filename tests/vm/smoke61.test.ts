// SPDX-License-Identifier: Apache-2.0
// Whole nodes on an older kernel, in a virtual machine: agents, etcd, pods, policy, tunnels.
import assert from "node:assert/strict";
import { test } from "node:test";
import { missingVm, runInVm } from "../../tools/vm/machine.ts";

/** Six times what it takes alone on the machine. */
const LIMIT = 1_200_000;

test("nodes carry and judge traffic on kernel 6.1", {
  skip: missingVm() ?? false,
  timeout: LIMIT + 10_000,
}, async () => {
  const { code, output } = await runInVm("echo; export CILIUM_SANDBOX_PATIENCE=10; node tests/vm/smoke.ts", LIMIT);
  assert.equal(code, 0, output.slice(-8000));
  const steps = [...output.matchAll(/^smoke: [\d.]+ s: (.*)$/gm)].map(([, what]) => what);
  assert.deepEqual(
    steps,
    [
      ...["two nodes", "VXLAN", "an agent killed and started again", "native routing", "VXLAN again", "Geneve"],
      "deleted",
    ],
    output,
  );
});
