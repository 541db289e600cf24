// SPDX-License-Identifier: Apache-2.0
// docs/runtimes/containerd.md: its commands, on a node that was started as docs/operating.md says, do what it says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { leftOut } from "../runtimes/programs.ts";
import { lastWords, runOnMachine, shellBlocks, startedNode } from "./machine.ts";

const left = `
for second in $(seq 60); do ip -o link | grep -qE ': lxc[0-9a-f]' || break; sleep 1; done
rmdir /sys/fs/cgroup/*/default 2> /dev/null || true
echo "== left"
ip -o link | grep -E ': lxc[0-9a-f]' || true
cilium-dbg endpoint list -o json | grep cni-network || true
`;

test("every command of docs/runtimes/containerd.md works as it stands", {
  skip: leftOut("containerd", "ctr", "runc", "busybox"),
}, async () => {
  const folders = ["/var/lib/containerd", "/etc/containerd"];
  const run = await runOnMachine([...startedNode(), ...shellBlocks("runtimes/containerd.md"), left], folders);
  const { code, stdout } = run;
  assert.equal(code, 0, lastWords(run));
  assert.match(stdout, /container:app=web/);
  assert.equal(stdout.match(/^hello$/gm)?.length, 2);
  assert.equal((stdout.split("== left\n")[1] ?? "nothing was looked for").trim(), "");
});
