// SPDX-License-Identifier: Apache-2.0
// What a sysdump of a node holds.
import { existsSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { release } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { kernelItems } from "./kernel.ts";
import type { Item } from "./types.ts";

export interface ItemOptions {
  /** Of the agent: its sockets, endpoints and logs are here. */
  readonly stateDir: string;
  /** Further log files. */
  readonly logs: readonly string[];
  /** Milliseconds for which events are collected; 0: none. */
  readonly monitorMs: number;
  /** Without maps, logs and events. */
  readonly quick: boolean;
}

/** Screens as people know them; most as JSON too. */
const screens: readonly (readonly [path: string, ...command: string[]])[] = [
  ["version.json", "version", "-o", "json"],
  ["status.txt", "status", "--verbose"],
  ["status.json", "status", "-o", "json"],
  ["config.txt", "config", "--all"],
  ["config.json", "config", "--all", "-o", "json"],
  ["features.txt", "features"],
  ["metrics.txt", "metrics", "list"],
  ["endpoints.txt", "endpoint", "list"],
  ["endpoints.json", "endpoint", "list", "-o", "json"],
  ["identities.txt", "identity", "list"],
  ["nodes.txt", "node", "list"],
  ["node-ids.txt", "nodeid", "list"],
  ["ips.txt", "ip", "list", "-n", "-v"],
  ["policy.json", "policy", "get", "-o", "json"],
  ["policy-selectors.txt", "policy", "selectors"],
  ["policy-hits.txt", "policy", "hits"],
  ["policy-lint.txt", "policy", "lint"],
  ["prefilter.txt", "prefilter", "list"],
  ["cgroups.txt", "cgroups", "list"],
  ["statedb.json", "statedb", "dump"],
];

const maps: readonly (readonly [path: string, ...command: string[]])[] = [
  ["bpf/endpoints.txt", "bpf", "endpoint", "list"],
  ["bpf/ipcache.txt", "bpf", "ipcache", "list"],
  ["bpf/nodes.txt", "bpf", "nodeid", "list"],
  ["bpf/policy.txt", "bpf", "policy", "get", "--all", "-n"],
  ["bpf/conntrack.txt", "bpf", "ct", "list", "global"],
  ["bpf/nat.txt", "bpf", "nat", "list"],
  ["bpf/metrics.txt", "bpf", "metrics", "list"],
  ["bpf/config.txt", "bpf", "config", "list"],
  ["map-list.txt", "map", "list"],
];

/** In the order in which they are collected: what is asked for most comes first. */
export function sysdumpItems(options: ItemOptions): readonly Item[] {
  const commands = (list: typeof screens): Item[] => list.map(([path, ...command]) => ({ path, command }));
  const { quick, monitorMs } = options;
  return [
    ...commands(screens),
    { path: "cluster-health.txt", command: ["status", "--all-health", "--all-nodes"] },
    ...kernelItems(),
    { path: "system/kernel-config", read: kernelConfig },
    ...(quick ? [] : commands(maps)),
    ...(quick ? [] : fileItems(options)),
    ...(quick || monitorMs === 0
      ? []
      : [{ path: "monitor.jsonl", command: ["monitor", "--json"], endAfter: monitorMs } satisfies Item]),
  ];
}

/** The agent's logs and what it keeps of endpoints and policies. */
function fileItems({ stateDir, logs }: ItemOptions): readonly Item[] {
  const folders = [stateDir, dirname(stateDir), join(dirname(stateDir), "logs")];
  const found = folders.flatMap((folder) => filesIn(folder).filter((path) => path.endsWith(".log")));
  const state = ["state", "policy"].flatMap((name) => filesIn(join(stateDir, name), 2));
  return [
    ...[...new Set([...logs, ...found])].map((file) => ({ path: `logs/${flat(file)}`, file })),
    ...[...state, join(stateDir, "machine.json"), join(stateDir, "prefilter")]
      .filter((file) => existsSync(file))
      .map((file) => ({ path: `state/${flat(file.slice(stateDir.length + 1))}`, file })),
  ];
}

/** Plain files in a folder, and in the folders below it. */
function filesIn(folder: string, depth = 1): readonly string[] {
  if (depth === 0 || !existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesIn(path, depth - 1);
    return entry.isFile() ? [path] : [];
  });
}

/** A path as one name. */
function flat(path: string): string {
  return path.replace(/^\/+/, "").replaceAll("/", "_").slice(-80);
}

async function kernelConfig(): Promise<string> {
  const boot = `/boot/config-${release()}`;
  if (existsSync(boot)) return readFile(boot, "utf8");
  return gunzipSync(await readFile("/proc/config.gz")).toString("utf8");
}
