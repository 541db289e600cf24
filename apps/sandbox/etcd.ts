// SPDX-License-Identifier: Apache-2.0
// The etcd that the nodes of a sandbox share. Its data is as short-lived as the sandbox: it never waits for a disk.
import { existsSync, mkdirSync } from "node:fs";
import { gatewayAddresses } from "./addresses.ts";
import { underlayCgroup } from "./cgroups.ts";
import { SandboxError } from "./errors.ts";
import { readJson, writeJson } from "./files.ts";
import { lastWords } from "./log-tail.ts";
import { runPath, sandboxPaths } from "./paths.ts";
import { isAlive, listeningPorts, signal, spawnDetached } from "./process.ts";
import type { ProcessRef, Sandbox } from "./types.ts";
import { waitFor } from "./wait.ts";

const program = "/usr/bin/etcd";
const clientPort = 2379;

/** What agents get as etcd.address. */
export function etcdUrl(sandbox: Sandbox): string {
  const gateway = gatewayAddresses(sandbox.index);
  return sandbox.ipv4 ? `http://${gateway.ipv4}:${clientPort}` : `http://[${gateway.ipv6}]:${clientPort}`;
}

/** Starts it (again); does not wait until it answers. */
export function startEtcd(sandbox: Sandbox): ProcessRef {
  if (!existsSync(program)) {
    throw new SandboxError(
      `Cannot start etcd: no ${program} (run "tools/run.sh setup", or apt-get install etcd-server)`,
    );
  }
  const paths = sandboxPaths(sandbox.name);
  mkdirSync(paths.etcd.data, { recursive: true, mode: 0o700 });
  const url = etcdUrl(sandbox);
  const peer = "http://127.0.0.1:2380";
  const process = spawnDetached({
    netns: paths.underlayNetns,
    cgroup: underlayCgroup(sandbox.name),
    log: paths.etcd.log,
    env: { PATH: runPath },
    command: [
      program,
      ...["--name", "sandbox", "--data-dir", paths.etcd.data, "--unsafe-no-fsync"],
      ...["--listen-client-urls", url, "--advertise-client-urls", url],
      ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", `sandbox=${peer}`],
      ...["--heartbeat-interval", "50", "--election-timeout", "250"],
      ...["--auto-compaction-mode", "periodic", "--auto-compaction-retention", "10m"],
    ],
  });
  writeJson(paths.etcd.process, process);
  return process;
}

/** Waits until it takes connections. */
export async function waitForEtcd(sandbox: Sandbox, process: ProcessRef): Promise<void> {
  const ready = await waitFor(() => !isAlive(process) || listeningPorts(process.pid).has(clientPort), 10_000);
  if (ready && isAlive(process)) return;
  const { log } = sandboxPaths(sandbox.name).etcd;
  throw new SandboxError(
    `Cannot start etcd: it ${ready ? "ended" : "does not listen after 10 s"} (${log}: ${lastWords(log)})`,
  );
}

export function etcdProcess(sandbox: Sandbox): ProcessRef | undefined {
  const process = readJson<ProcessRef>(sandboxPaths(sandbox.name).etcd.process);
  return isAlive(process) ? process : undefined;
}

/** SIGKILL; startEtcd() starts it again with its data. For tests of what happens without it. */
export function killEtcd(sandbox: Sandbox): boolean {
  const process = etcdProcess(sandbox);
  return process !== undefined && signal(process, "SIGKILL");
}
