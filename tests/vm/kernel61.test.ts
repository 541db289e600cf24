// SPDX-License-Identifier: Apache-2.0
// The same build on an older kernel, in a virtual machine.
import assert from "node:assert/strict";
import { test } from "node:test";
import { missingVm, runInVm, vmKernel } from "../../tools/vm/machine.ts";

const missing = missingVm();
const files = [
  "src/kernel/bpf/loader.kernel.test.ts",
  "src/kernel/bpf/map.kernel.test.ts",
  "src/datapath/devices/device-keeper.kernel.test.ts",
  "tests/datapath/datapath.test.ts",
  "tests/datapath/underlay.test.ts",
  "tests/datapath/host-firewall.test.ts",
  "tests/datapath/masquerade-ports.test.ts",
];
const commands = [
  `node --test --test-concurrency=1 ${files.join(" ")}`,
  "node --test --test-name-pattern='^(through the stack|native routing) ' tests/datapath/masquerade.test.ts",
];
/** Cases that have to pass by each command at least. */
const expected = [350, 4];

/** Many times what it takes alone on the machine. */
const LIMIT = 900_000;

test("objects load and judge packets on kernel 6.1", { skip: missing ?? false, timeout: LIMIT + 10_000 }, async () => {
  assert.match(vmKernel(), /^6\.1\./);
  const { code, output } = await runInVm(`echo; uname -r; ${commands.join(" && ")}`, LIMIT);
  assert.equal(code, 0, output.slice(-8000));
  assert.match(output, /^6\.1\./m);
  const passed = [...output.matchAll(/^ℹ pass (\d+)$/gm)].map(([, count]) => Number(count));
  assert.ok(
    passed.length === commands.length && passed.every((count, i) => count >= (expected[i] ?? 0)),
    `${passed}: ${output.slice(-2000)}`,
  );
});
