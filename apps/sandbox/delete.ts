// SPDX-License-Identifier: Apache-2.0
// Removes a sandbox by what is there, so that it also works after anything was killed in the middle.
import { readFileSync, rmdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { addToCgroup, cgroupRoot, deleteNetns, removeCgroup, unmount } from "../../src/kernel/index.ts";
import { sandboxCgroup } from "./cgroups.ts";
import { SandboxError } from "./errors.ts";
import { lockSandbox } from "./lock.ts";
import { checkName } from "./names.ts";
import { sandboxesRoot } from "./paths.ts";
import { killIfThere } from "./process.ts";
import { findProcesses, findRemains, sandboxesOfNamespaces } from "./remains.ts";
import { sandboxNames } from "./store.ts";
import { waitFor } from "./wait.ts";

/**
 * Removes everything of the sandbox: processes, namespaces with their devices, mounts with their pins, control groups,
 * files. False when there was nothing. Throws SandboxError naming what would not go.
 */
export async function deleteSandbox(name: string, options: { locked?: boolean } = {}): Promise<boolean> {
  checkName(name);
  await using _lock = options.locked ? undefined : await lockSandbox(name);
  const remains = findRemains(name);
  if (!remains.found) return false;
  leaveCgroup(remains.cgroup);
  await endProcesses(name);
  for (const path of remains.netns) deleteNetns(path);
  for (const path of remains.mounts) unmount(path);
  if (remains.cgroup !== undefined) await removeCgroups(remains.cgroup);
  if (remains.folder !== undefined) rmSync(remains.folder, { recursive: true, force: true });
  for (const shared of [sandboxesRoot, dirname(sandboxCgroup(name))]) removeIfEmpty(shared);
  return true;
}

/** What all sandboxes share goes with the last of them. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "ENOENT" && code !== "EBUSY") throw error;
  }
}

/** Every sandbox of which there is a folder or a namespace. */
export function allSandboxes(): string[] {
  return [...new Set([...sandboxNames(), ...sandboxesOfNamespaces()])].sort();
}

/** SIGKILL until none is left: a process may have forked while we looked. */
async function endProcesses(name: string): Promise<void> {
  let left: number[] = [];
  const gone = await waitFor(() => {
    left = findProcesses(name);
    for (const pid of left) killIfThere(pid);
    return left.length === 0;
  }, 20_000);
  if (!gone) {
    throw new SandboxError(
      `Cannot delete sandbox "${name}": processes ${left.join(", ")} stay after SIGKILL (see /proc/PID/stack)`,
    );
  }
}

/** A delete that runs inside the sandbox must not keep its group. */
function leaveCgroup(cgroup: string | undefined): void {
  if (cgroup === undefined) return;
  const own = readFileSync("/proc/self/cgroup", "utf8")
    .split("\n")
    .find((line) => line.startsWith("0::"));
  if (own?.includes("/cilium-sandbox/")) addToCgroup(cgroupRoot(), process.pid);
}

/** A group may stay busy for a moment after its last process. */
async function removeCgroups(path: string): Promise<void> {
  let last: unknown;
  const removed = await waitFor(() => {
    try {
      removeCgroup(path);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
      last = error;
      return false;
    }
  }, 10_000);
  if (!removed)
    throw new SandboxError(`Cannot remove control group "${path}": EBUSY (see its cgroup.procs)`, { cause: last });
}
