// SPDX-License-Identifier: Apache-2.0
// Pods with ipvlan devices, in a virtual machine: the kernel that tests run on may have none.
import assert from "node:assert/strict";
import { test } from "node:test";
import { missingVm, runInVm } from "../../tools/vm/machine.ts";

/** As smoke61.test.ts has it. */
const LIMIT = 1_200_000;

test("ipvlan pods talk and are judged on kernel 6.1", {
  skip: missingVm() ?? false,
  timeout: LIMIT + 10_000,
}, async () => {
  const { code, output } = await runInVm("echo; export CILIUM_SANDBOX_PATIENCE=10; node tests/vm/ipvlan.ts", LIMIT);
  assert.equal(code, 0, output.slice(-8000));
  const steps = [...output.matchAll(/^ipvlan: [\d.]+ s: (.*)$/gm)].map(([, what]) => what);
  assert.deepEqual(
    steps,
    [
      ...["two nodes", "ipvlan pods", "filters removed by pods", "agents killed and started again"],
      ...["pairs beside them", "nothing left of them", "deleted"],
    ],
    output,
  );
});
