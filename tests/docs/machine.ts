// SPDX-License-Identifier: Apache-2.0
// Runs the commands of pages on a machine that is empty where it matters.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const root = join(import.meta.dirname, "../..");
const timeLimit = 120_000;

/** All of it ends with the shell, which is the first process of its namespace. FOLDERS are empty ones beside these. */
const machine = `
set -eu -o pipefail
for folder in /run /opt /var/log /etc/cni /etc/cilium $FOLDERS; do mkdir -p $folder; mount -t tmpfs machine $folder; done
mount -t bpf bpf /sys/fs/bpf
mkdir /opt/cilium /run/netns
mount --bind "$ROOT" /opt/cilium
ip link set lo up
ip link add eth0 type veth peer name wire
ip link set eth0 up; ip link set wire up
ip address add 192.0.2.1/24 dev eth0
ip -6 address add 2001:db8::1/64 dev eth0 nodad
`;

export const podmanFolders: readonly string[] = [
  "/var/lib/containers",
  "/var/lib/cni",
  "/etc/containers/containers.conf.d",
];

/** What podman finds on other machines: a service manager and its log, and the right to raise limits. */
export const podmanMachine = `
cat > /etc/containers/containers.conf.d/machine.conf <<EOF
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
EOF
`;

export interface PageRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The shell blocks of a page below docs/, in its order. */
export function shellBlocks(page: string): string[] {
  const markdown = readFileSync(join(root, "docs", page), "utf8");
  return [...markdown.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = ""]) => block);
}

/** The blocks of docs/operating.md up to a node whose agent answers. */
export function startedNode(): string[] {
  const blocks = shellBlocks("operating.md");
  return blocks.slice(0, blocks.findIndex((block) => block.includes("status --brief")) + 1);
}

/** Runs blocks as one script in bash, up to two minutes; the first command that fails ends it. */
export async function runOnMachine(blocks: readonly string[], folders: readonly string[] = []): Promise<PageRun> {
  // A line before each, for whoever reads the output.
  const script = blocks.map((block, index) => `echo "== block ${index + 1}"\n${block}`).join("");
  const command = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c"];
  // The tests' own search for open descriptors changes exit codes of programs.
  const { CILIUM_TS_FD_LEAKS: _, ...environment } = process.env;
  const child = spawn("unshare", [...command, `${machine}${script}`], {
    env: { ...environment, ROOT: root, FOLDERS: folders.join(" ") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), timeLimit);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  clearTimeout(timer);
  return { code: code as number | null, stdout, stderr };
}

/** The end of what was printed, for a failure's message. */
export function lastWords({ stdout, stderr }: PageRun): string {
  return `${stdout.split("\n").slice(-15).join("\n")}\n${stderr}`;
}
