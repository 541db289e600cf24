// SPDX-License-Identifier: Apache-2.0
// docs/operating.md: its commands, run in the order of the page on an empty machine, do what it says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lastWords, runOnMachine, shellBlocks } from "./machine.ts";

const left = `
echo "== left"
find /run /sys/fs/bpf -mindepth 1 -ipath '*cilium*'
ls -A /run/netns
ip -o link | grep -e cilium -e lxc || true
`;

test("every command of docs/operating.md works as it stands", async () => {
  const blocks = shellBlocks("operating.md");
  assert.ok(blocks.length > 5, "the page has commands");
  const run = await runOnMachine([...blocks, left]);
  const { code, stdout } = run;
  assert.equal(code, 0, lastWords(run));
  assert.match(stdout, /^KVStore: /m);
  assert.match(stdout, /k8s:app=web/);
  assert.match(stdout, /^Cluster health: +1\/1 reachable/m);
  assert.match(stdout, /MonitorAggregationLevel\s*:?\s*(maximum|Maximum)/);
  assert.equal((stdout.split("== left\n")[1] ?? "nothing was looked for").trim(), "");
});
