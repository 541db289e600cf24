// SPDX-License-Identifier: Apache-2.0
// Control groups, version 2 only.
import { mkdirSync, readdirSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mounts } from "./mount.ts";

/** Where cgroup2 is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified beside version 1. Throws when it is not. */
export function cgroupRoot(): string {
  const root = mounts().find(({ type, root }) => type === "cgroup2" && root === "/");
  if (root === undefined) {
    throw new Error("Cannot find cgroup2: it is not mounted (mount -t cgroup2 none /sys/fs/cgroup/unified)");
  }
  return root.path;
}

/** Makes a group and its parents; one that is there already is fine. */
export function createCgroup(path: string): void {
  mkdirSync(path, { recursive: true });
}

/** Removes a group and the groups below it. Throws EBUSY while a process is in one, nothing when it is gone already. */
export function removeCgroup(path: string): void {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (entry.isDirectory()) removeCgroup(join(path, entry.name));
    }
    rmdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Moves a process with all its threads. */
export function addToCgroup(path: string, pid: number): void {
  writeFileSync(join(path, "cgroup.procs"), String(pid));
}

/** What bpf_get_current_cgroup_id() gives for its processes. */
export function cgroupIdOf(path: string): bigint {
  return statSync(path, { bigint: true }).ino;
}
