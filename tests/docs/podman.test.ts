// SPDX-License-Identifier: Apache-2.0
// docs/runtimes/podman.md: its commands, on a node that was started as docs/operating.md says, do what it says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { leftOut } from "../runtimes/programs.ts";
import { lastWords, podmanFolders, podmanMachine, runOnMachine, shellBlocks, startedNode } from "./machine.ts";

const left = `
rmdir /sys/fs/cgroup/*/libpod_parent/conmon /sys/fs/cgroup/*/libpod_parent 2> /dev/null || true
echo "== left"
ip -o link | grep -E ': lxc[0-9a-f]' || true
cilium-dbg endpoint list -o json | grep cni-network || true
iptables-save -t nat | grep -e --to-destination || true
`;

test("every command of docs/runtimes/podman.md works as it stands", {
  skip: leftOut("podman", "runc", "busybox"),
}, async () => {
  const run = await runOnMachine(
    [podmanMachine, ...startedNode(), ...shellBlocks("runtimes/podman.md"), left],
    podmanFolders,
  );
  const { code, stdout } = run;
  assert.equal(code, 0, lastWords(run));
  assert.match(stdout, /container:app=web/);
  assert.equal(stdout.match(/^hello$/gm)?.length, 3);
  assert.equal((stdout.split("== left\n")[1] ?? "nothing was looked for").trim(), "");
});
