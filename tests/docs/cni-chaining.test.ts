// SPDX-License-Identifier: Apache-2.0
// docs/runtimes/cni-chaining.md: its commands, behind those of docs/operating.md and docs/runtimes/podman.md that it needs,
// do what it says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { leftOut } from "../runtimes/programs.ts";
import { lastWords, podmanFolders, podmanMachine, runOnMachine, shellBlocks, startedNode } from "./machine.ts";

const image = `
mkdir -p /run/image/bin
cp /bin/busybox /run/image/bin/
tar -c -C /run/image . | podman import - localhost/busybox:1
`;
const left = `
rmdir /sys/fs/cgroup/*/libpod_parent/conmon /sys/fs/cgroup/*/libpod_parent 2> /dev/null || true
echo "== left"
ip -o link | grep -E ': (lxc[0-9a-f]|veth|bwp|cilium_vxlan)' || true
cilium-dbg endpoint list -o json | grep cni-network || true
`;

test("every command of docs/runtimes/cni-chaining.md works as it stands", {
  skip: leftOut("podman", "runc", "busybox"),
}, async () => {
  const [setUp = ""] = shellBlocks("runtimes/podman.md");
  const page = shellBlocks("runtimes/cni-chaining.md");
  const run = await runOnMachine([podmanMachine, ...startedNode(), setUp, image, ...page, left], podmanFolders);
  const { code, stdout } = run;
  assert.equal(code, 0, lastWords(run));
  assert.match(stdout, /qdisc tbf/);
  assert.match(stdout, /^CNI Chaining:\s+generic-veth$/m);
  assert.match(stdout, /container:app=web/);
  assert.equal(stdout.match(/^hello$/gm)?.length, 1);
  assert.equal((stdout.split("== left\n")[1] ?? "nothing was looked for").trim(), "");
});
