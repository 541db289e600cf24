// SPDX-License-Identifier: Apache-2.0
// Finds everything that is part of a sandbox, by looking at the machine and not at any record of ours.
import { existsSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { mounts } from "../../src/kernel/index.ts";
import { sandboxCgroup } from "./cgroups.ts";
import { listFolder } from "./files.ts";
import { sandboxOfNetns } from "./names.ts";
import { netnsRoot, sandboxPaths } from "./paths.ts";

export interface Remains {
  /** Paths of namespaces. */
  readonly netns: readonly string[];
  /** Mount points, inner ones first. */
  readonly mounts: readonly string[];
  readonly cgroup: string | undefined;
  readonly folder: string | undefined;
  readonly found: boolean;
}

export function findRemains(name: string): Remains {
  const { root } = sandboxPaths(name);
  const netns = netnsPathsOf(name);
  const points = mounts()
    .map((mount) => mount.path)
    .filter((path) => path.startsWith(`${root}/`))
    .reverse();
  const cgroup = existsSync(sandboxCgroup(name)) ? sandboxCgroup(name) : undefined;
  const folder = existsSync(root) ? root : undefined;
  const found = netns.length > 0 || points.length > 0 || cgroup !== undefined || folder !== undefined;
  return { netns, mounts: points, cgroup, folder, found };
}

/** Sandboxes that have left a namespace, whether or not they have a folder. */
export function sandboxesOfNamespaces(): string[] {
  return [...new Set(listFolder(netnsRoot).flatMap((netns) => sandboxOfNetns(netns) ?? []))];
}

function netnsPathsOf(name: string): string[] {
  return listFolder(netnsRoot)
    .filter((netns) => sandboxOfNetns(netns) === name)
    .map((netns) => join(netnsRoot, netns));
}

/** Processes in the sandbox's control groups or namespaces; this one is never among them. */
export function findProcesses(name: string): number[] {
  const pids = new Set(cgroupProcesses(sandboxCgroup(name)));
  const inodes = new Set(netnsPathsOf(name).flatMap((path) => inodeOf(path) ?? []));
  if (inodes.size > 0) {
    for (const entry of listFolder("/proc")) {
      const pid = Number(entry);
      if (Number.isInteger(pid) && inodes.has(netnsInodeOf(pid) ?? "")) pids.add(pid);
    }
  }
  pids.delete(process.pid);
  return [...pids];
}

function cgroupProcesses(cgroup: string): number[] {
  const pids: number[] = [];
  for (const entry of listFolder(cgroup)) {
    const path = join(cgroup, entry);
    if (entry === "cgroup.procs") {
      for (const line of readFileSync(path, "utf8").split("\n"))
        if (line !== "" && line !== "0") pids.push(Number(line));
    } else if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      pids.push(...cgroupProcesses(path));
    }
  }
  return pids;
}

/** As /proc/PID/ns/net names it. A plain file (its maker died before the bind) is no namespace, and matches nothing. */
function inodeOf(path: string): string | undefined {
  const ino = statSync(path, { throwIfNoEntry: false })?.ino;
  return ino === undefined ? undefined : `net:[${ino}]`;
}

function netnsInodeOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}
