// SPDX-License-Identifier: Apache-2.0
// What a node holds at one moment: its agent's memory, descriptors and timers, rows of tables, entries of maps, pins.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { agentClient, agentProcess, type Sandbox, type SandboxNode, sandboxPaths } from "../../apps/sandbox/index.ts";
import { openPinnedMaps } from "../../src/datapath/index.ts";
import { residentMegabytes } from "../agent-process.ts";

/** Quantities by name; those of the agent are missing while it does not answer. */
export type Observation = ReadonlyMap<string, number>;

/** Unit of each quantity, and how much of it may come over a run without being called growth. */
export const quantities = {
  "agent RSS": { unit: "MB", share: 0.1, few: 4 },
  "agent heap in use": { unit: "MB", share: 0.2, few: 4 },
  "agent descriptors": { unit: "fds", share: 0, few: 2 },
  "agent timers and handles": { unit: "handles", share: 0, few: 3 },
  "rows: endpoints": { unit: "rows", share: 0, few: 1 },
  "rows: identities": { unit: "rows", share: 0, few: 1 },
  "rows: policies": { unit: "rows", share: 0, few: 1 },
  "rows: policy sets": { unit: "rows", share: 0, few: 1 },
  "rows: addresses (ipcache)": { unit: "rows", share: 0, few: 2 },
  "rows: addresses in use (ipam)": { unit: "rows", share: 0, few: 2 },
  "map: endpoints": { unit: "entries", share: 0, few: 1 },
  "map: lxc": { unit: "entries", share: 0, few: 2 },
  "map: ipcache": { unit: "entries", share: 0, few: 2 },
  "map: policy": { unit: "entries", share: 0.02, few: 2 },
  "map: nodes": { unit: "entries", share: 0, few: 0 },
  "map: conntrack": { unit: "entries", share: 0.1, few: 50 },
  "links of endpoints": { unit: "links", share: 0, few: 2 },
  "pins on the bpffs": { unit: "files", share: 0, few: 2 },
  "files of the state folder": { unit: "files", share: 0, few: 2 },
} as const;

export type Quantity = keyof typeof quantities;

/** Looks at a node; takes some milliseconds. */
export async function observe(sandbox: Sandbox, node: SandboxNode): Promise<Observation> {
  const found = new Map<Quantity, number>();
  const paths = sandboxPaths(sandbox.name).node(node.name);
  using maps = openPinnedMaps(paths.bpf);
  found.set("map: endpoints", maps.endpoints.list().length);
  found.set("map: lxc", maps.lxc.list().length);
  found.set("map: ipcache", maps.ipcache.list().length);
  found.set("map: policy", maps.policy.list().length);
  found.set("map: nodes", maps.nodes.list().length);
  found.set("map: conntrack", maps.conntrack.list().length);
  found.set("links of endpoints", files(join(paths.bpf, "cilium/endpoints")));
  found.set("pins on the bpffs", files(paths.bpf));
  found.set("files of the state folder", files(paths.state));
  const agent = agentProcess(sandbox, node);
  if (agent === undefined) return found;
  try {
    await observeAgent(found, agent.pid, sandbox, node);
  } catch {
    // It was killed while being looked at, or is not up yet; half of a look would mislead.
    for (const name of found.keys()) if (name.startsWith("agent") || name.startsWith("rows")) found.delete(name);
  }
  return found;
}

async function observeAgent(found: Map<Quantity, number>, pid: number, sandbox: Sandbox, node: SandboxNode) {
  const client = agentClient(sandbox, node);
  const [metrics, ips] = await Promise.all([client.metricsText(), client.listIps()]);
  found.set("agent RSS", residentMegabytes(pid));
  found.set("agent descriptors", readdirSync(`/proc/${pid}/fd`).length);
  found.set("agent heap in use", metric(metrics, "agent_heap_bytes") / 2 ** 20);
  found.set("agent timers and handles", metric(metrics, "agent_active_resources"));
  found.set("rows: endpoints", metric(metrics, "endpoint"));
  found.set("rows: identities", metric(metrics, "identity"));
  found.set("rows: policies", metric(metrics, "policy"));
  found.set("rows: policy sets", metric(metrics, "policy_sets"));
  found.set("rows: addresses in use (ipam)", metric(metrics, "ip_addresses"));
  found.set("rows: addresses (ipcache)", ips.length);
}

/** The sum over all labels. */
export function metric(text: string, name: string): number {
  let sum = 0;
  for (const [, value] of text.matchAll(new RegExp(`^cilium_${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))) {
    sum += Number(value);
  }
  return sum;
}

/** There from the first new rule on until the agent's next start, which puts it into its file. */
const journal = "policy-cookies.log";

function files(folder: string): number {
  if (!existsSync(folder)) return 0;
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory() && entry.name !== journal).length;
}
