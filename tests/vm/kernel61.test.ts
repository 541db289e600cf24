// SPDX-License-Identifier: Apache-2.0
// The same build on an older kernel, in a virtual machine.
import assert from "node:assert/strict";
import { test } from "node:test";
import { missingVm, runInVm, vmKernel } from "../../tools/vm/machine.ts";

const missing = missingVm();
const files = [
  "src/kernel/bpf/loader.kernel.test.ts",
  "src/kernel/bpf/map.kernel.test.ts",
  "tests/datapath/datapath.test.ts",
  "tests/datapath/underlay.test.ts",
  "tests/datapath/masquerade-ports.test.ts",
];

test("objects load and judge packets on kernel 6.1", { skip: missing ?? false, timeout: 290_000 }, async () => {
  assert.match(vmKernel(), /^6\.1\./);
  const { code, output } = await runInVm(
    `echo; uname -r; node --test --test-concurrency=1 ${files.join(" ")}`,
    280_000,
  );
  assert.equal(code, 0, output.slice(-8000));
  assert.match(output, /^6\.1\./m);
  assert.ok(Number(/^ℹ pass (\d+)$/m.exec(output)?.[1]) > 300, output.slice(-2000));
});
