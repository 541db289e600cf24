// SPDX-License-Identifier: Apache-2.0
// The agents of a sandbox's nodes: the product's own, with flags that give each its part of the machine.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AgentClient } from "../../src/api/index.ts";
import { agentCgroup, nodeCgroup } from "./cgroups.ts";
import { SandboxError } from "./errors.ts";
import { etcdUrl } from "./etcd.ts";
import { readJson, writeJson } from "./files.ts";
import { lastWords } from "./log-tail.ts";
import { projectRoot, runPath, sandboxPaths } from "./paths.ts";
import { isAlive, signal, spawnDetached, terminate } from "./process.ts";
import type { ProcessRef, Sandbox, SandboxNode } from "./types.ts";
import { waitFor } from "./wait.ts";

const startTimeout = 60_000;
const stopGrace = 15_000;

/** Configuration of a node's agent. `settings` of the sandbox go before ours. */
export function agentSettings(sandbox: Sandbox, node: SandboxNode): Record<string, string> {
  const paths = sandboxPaths(sandbox.name).node(node.name);
  // Where other plugins make pods' networks no agent has addresses to give.
  const chaining = /^(generic-veth|flannel)$/.test(sandbox.settings["cni-chaining-mode"] ?? "");
  return {
    "cluster-name": "default",
    "node-name": node.name,
    kvstore: "etcd",
    "kvstore-opt": `etcd.address=${etcdUrl(sandbox)}`,
    "static-resources": paths.staticResources,
    "bpf-root": paths.bpf,
    "cgroup-root": nodeCgroup(sandbox.name, node.name),
    "state-dir": paths.state,
    "enable-ipv4": String(sandbox.ipv4),
    "enable-ipv6": String(sandbox.ipv6),
    ...(node.ipv4 && { "ipv4-node": node.ipv4 }),
    ...(node.ipv6 && { "ipv6-node": node.ipv6 }),
    ...(node.ipv4PodCidr && !chaining && { "ipv4-range": node.ipv4PodCidr }),
    ...(node.ipv6PodCidr && !chaining && { "ipv6-range": node.ipv6PodCidr }),
    "monitor-aggregation": "medium",
    ...sandbox.settings,
  };
}

/** Starts a node's agent; does not wait until it is ready. `env` goes over its own. Throws when it runs already. */
export function startAgent(
  sandbox: Sandbox,
  node: SandboxNode,
  env: Readonly<Record<string, string>> = {},
): ProcessRef {
  const paths = sandboxPaths(sandbox.name).node(node.name);
  if (agentProcess(sandbox, node) !== undefined) {
    throw new SandboxError(`Cannot start the agent of "${node.name}": it runs already`);
  }
  mkdirSync(paths.state, { recursive: true, mode: 0o750 });
  mkdirSync(paths.staticResources, { recursive: true, mode: 0o750 });
  const process = spawnDetached({
    netns: paths.netns,
    cgroup: agentCgroup(sandbox.name, node.name),
    log: paths.agentLog,
    env: { PATH: runPath, HOME: "/root", ...env },
    command: [
      join(projectRoot, "bin/cilium-agent"),
      ...Object.entries(agentSettings(sandbox, node)).map(([key, value]) => `--${key}=${value}`),
    ],
  });
  writeJson(paths.agentProcess, process);
  return process;
}

/** Waits until the agent says that it is well. Throws with its last words when it ends; `advice` says where is more. */
export async function waitForAgent(sandbox: Sandbox, node: SandboxNode, advice?: string): Promise<void> {
  const paths = sandboxPaths(sandbox.name).node(node.name);
  const client = new AgentClient({ socketPath: paths.socket, timeout: 5_000 });
  let state = "it does not answer";
  const done = await waitFor(async () => {
    if (agentProcess(sandbox, node) === undefined) return true;
    try {
      const { cilium } = await client.healthz({ brief: true });
      state = `${cilium.state}${cilium.msg === undefined ? "" : ` (${cilium.msg})`}`;
      return cilium.state === "Ok";
    } catch (error) {
      state = error instanceof Error ? error.message : String(error);
      return false;
    }
  }, startTimeout);
  if (done && agentProcess(sandbox, node) !== undefined) return;
  const why = done ? `it ended: ${lastWords(paths.agentLog)}` : `not well after ${startTimeout / 1000} s: ${state}`;
  throw new SandboxError(
    `Cannot start the agent of "${node.name}": ${why} (${advice ?? `all of it: ${paths.agentLog}`})`,
  );
}

/** The node's agent, if it runs. */
export function agentProcess(sandbox: Sandbox, node: SandboxNode): ProcessRef | undefined {
  const process = readJson<ProcessRef>(sandboxPaths(sandbox.name).node(node.name).agentProcess);
  return isAlive(process) ? process : undefined;
}

/** Ends an agent as its service manager would. False when it did not run. */
export async function stopAgent(sandbox: Sandbox, node: SandboxNode): Promise<boolean> {
  const process = agentProcess(sandbox, node);
  if (process === undefined) return false;
  await terminate(process, stopGrace);
  return true;
}

/** Kill -9. False when it did not run. */
export async function killAgent(sandbox: Sandbox, node: SandboxNode): Promise<boolean> {
  const process = agentProcess(sandbox, node);
  if (process === undefined || !signal(process, "SIGKILL")) return false;
  return await waitFor(() => !isAlive(process), 10_000);
}

export function agentClient(sandbox: Sandbox, node: SandboxNode): AgentClient {
  return new AgentClient({ socketPath: sandboxPaths(sandbox.name).node(node.name).socket });
}

/** The node of that name. Throws with the names that there are. */
export function nodeOf(sandbox: Sandbox, name: string): SandboxNode {
  const node = sandbox.nodes.find((candidate) => candidate.name === name);
  if (node !== undefined) return node;
  const names = sandbox.nodes.map((candidate) => candidate.name).join(", ");
  throw new SandboxError(`Cannot find node "${name}": sandbox "${sandbox.name}" has ${names}`);
}
