// SPDX-License-Identifier: Apache-2.0
// Makes a sandbox: underlay, etcd, nodes, agents.
import { createCgroup, mountBpffs } from "../../src/kernel/index.ts";
import { freeIndex, maxNodes, maxSandboxes, planNodes } from "./addresses.ts";
import { startAgent, waitForAgent } from "./agent.ts";
import { nodeCgroup, sandboxCgroup } from "./cgroups.ts";
import { deleteSandbox } from "./delete.ts";
import { SandboxError } from "./errors.ts";
import { startEtcd, waitForEtcd } from "./etcd.ts";
import { lockSandbox } from "./lock.ts";
import { checkName } from "./names.ts";
import { sandboxPaths } from "./paths.ts";
import { findRemains } from "./remains.ts";
import { findSandbox, sandboxNames, saveSandbox } from "./store.ts";
import type { Sandbox } from "./types.ts";
import { connectNode, createUnderlay } from "./underlay.ts";

export interface CreateOptions {
  readonly name: string;
  /** Default 2. */
  readonly nodes?: number;
  readonly ipv4?: boolean;
  readonly ipv6?: boolean;
  /** Agents' configuration keys. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Leave what was made when something fails. */
  readonly keep?: boolean;
  /** Told of each step when it is done. */
  readonly onStep?: (what: string) => void;
}

/**
 * Makes the sandbox and returns when every agent is ready. When something fails, what was made is removed again.
 * Throws SandboxError.
 */
export async function createSandbox(options: CreateOptions): Promise<Sandbox> {
  const name = checkName(options.name);
  await using _lock = await lockSandbox(name);
  const sandbox = await register(name, options);
  try {
    await build(sandbox, options);
    return sandbox;
  } catch (error) {
    if (!options.keep) await deleteSandbox(name, { locked: true });
    throw error;
  }
}

/** Takes a part of the underlay and writes the record, before anything else is made. */
async function register(name: string, options: CreateOptions): Promise<Sandbox> {
  const count = options.nodes ?? 2;
  if (!Number.isInteger(count) || count < 1 || count > maxNodes) {
    throw new SandboxError(`Cannot create sandbox "${name}": ${count} nodes, expected 1 to ${maxNodes}`, {
      exitCode: 2,
    });
  }
  // One at a time among all sandboxes: no two may take the same part.
  await using _lock = await lockSandbox("");
  if (findRemains(name).found) {
    const advice = `remove it with "cilium sandbox delete --name ${name}"`;
    throw new SandboxError(
      `Cannot create sandbox "${name}": there is one of that name, or what is left of one (${advice})`,
    );
  }
  const index = freeIndex(new Set(sandboxNames().flatMap((other) => findSandbox(other)?.index ?? [])));
  if (index === undefined) {
    throw new SandboxError(`Cannot create sandbox "${name}": there are ${maxSandboxes} already (delete one)`);
  }
  const settings = options.settings ?? {};
  const base = { index, ipv4: options.ipv4 ?? true, ipv6: options.ipv6 ?? true, settings };
  const nodes = planNodes(base, count);
  const sandbox: Sandbox = { format: "cilium-sandbox/1", name, ...base, nodes, createdAt: new Date().toISOString() };
  saveSandbox(sandbox);
  return sandbox;
}

async function build(sandbox: Sandbox, { keep, onStep = () => {} }: CreateOptions): Promise<void> {
  createCgroup(sandboxCgroup(sandbox.name));
  createUnderlay(sandbox);
  const etcd = startEtcd(sandbox);
  for (const node of sandbox.nodes) {
    connectNode(sandbox, node);
    createCgroup(nodeCgroup(sandbox.name, node.name));
    mountBpffs(sandboxPaths(sandbox.name).node(node.name).bpf);
  }
  onStep(`underlay and ${sandbox.nodes.length} node namespaces`);
  await waitForEtcd(sandbox, etcd);
  onStep("etcd");
  for (const node of sandbox.nodes) startAgent(sandbox, node);
  const advice = keep ? undefined : "its log went with the sandbox; create --keep leaves both";
  await Promise.all(sandbox.nodes.map((node) => waitForAgent(sandbox, node, advice)));
  onStep(`${sandbox.nodes.length} agents`);
}
