// SPDX-License-Identifier: Apache-2.0
// docs/runtimes/docker.md: its commands, on a node that was started as docs/operating.md says, do what it says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { leftOut } from "../runtimes/programs.ts";
import { lastWords, runOnMachine, shellBlocks } from "./machine.ts";

/** Debian's client before others. */
const path = "export PATH=/usr/bin:$PATH\n";
const left = `
for second in $(seq 60); do pgrep -x dockerd > /dev/null || break; sleep 1; done
echo "== left"
ip -o link | grep -E ': (lxc[0-9a-f]|dkr)' || true
ls -A /run/cilium/docker
`;

test("every command of docs/runtimes/docker.md works as it stands", {
  skip: leftOut("dockerd", "docker"),
}, async () => {
  const node = shellBlocks("operating.md");
  const started = node.findIndex((block) => block.includes("status --brief"));
  const run = await runOnMachine(
    [path, ...node.slice(0, started + 1), ...shellBlocks("runtimes/docker.md"), left],
    ["/var/lib/docker", "/etc/docker"],
  );
  const { code, stdout } = run;
  assert.equal(code, 0, lastWords(run));
  assert.match(stdout, /container:app=web/);
  assert.match(stdout, /k8s:io.kubernetes.pod.namespace=shop/);
  assert.equal(stdout.match(/^hello$/gm)?.length, 6);
  assert.equal((stdout.split("== left\n")[1] ?? "nothing was looked for").trim(), "");
});
