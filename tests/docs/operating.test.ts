// SPDX-License-Identifier: Apache-2.0
// docs/operating.md: its commands, run in the order of the page on an empty machine, do what it says.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";

const root = join(import.meta.dirname, "../..");

/** Makes the machine: all of it ends with the shell, which is the first process of its namespace. */
const machine = `
set -eu -o pipefail
for folder in /run /opt /var/log /etc/cni /etc/cilium; do mkdir -p $folder; mount -t tmpfs machine $folder; done
mount -t bpf bpf /sys/fs/bpf
mkdir /opt/cilium /run/netns
mount --bind "$ROOT" /opt/cilium
ip link set lo up
ip link add eth0 type veth peer name wire
ip link set eth0 up; ip link set wire up
ip address add 192.0.2.1/24 dev eth0
ip -6 address add 2001:db8::1/64 dev eth0 nodad
`;

/** The shell blocks of a page, each announced by a line that a test can look for. */
function script(page: string): string {
  const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block);
  assert.ok(blocks.length > 5, "the page has commands");
  return blocks.map((block, index) => `echo "== block ${index + 1}"\n${block}`).join("");
}

test("every command of docs/operating.md works as it stands", async () => {
  const page = readFileSync(join(root, "docs/operating.md"), "utf8");
  const after = `
echo "== left"
find /run /sys/fs/bpf -mindepth 1 -ipath '*cilium*'
ls -A /run/netns
ip -o link | grep -e cilium -e lxc || true
`;
  const arguments_ = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c"];
  const child = spawn("unshare", [...arguments_, `${machine}${script(page)}${after}`], {
    env: { ...process.env, ROOT: root },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), 120_000);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  clearTimeout(timer);
  const lastLines = stdout.split("\n").slice(-15).join("\n");
  assert.equal(code, 0, `${lastLines}\n${stderr}`);
  assert.match(stdout, /^KVStore: /m);
  assert.match(stdout, /k8s:app=web/);
  assert.match(stdout, /^Cluster health: +1\/1 reachable/m);
  assert.match(stdout, /MonitorAggregationLevel\s*:?\s*(maximum|Maximum)/);
  const left = stdout.split("== left\n")[1]?.trim() ?? "nothing was looked for";
  assert.equal(left, "");
});
