// SPDX-License-Identifier: Apache-2.0
// Removes a sandbox by what is there, so that it also works after anything was killed in the middle.
import { readFileSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { type KernelObjects, objectsInKernel, pinnedObjects } from "../../src/datapath/index.ts";
import { addToCgroup, cgroupRoot, deleteNetns, removeCgroup, unmount } from "../../src/kernel/index.ts";
import { sandboxCgroup } from "./cgroups.ts";
import { SandboxError } from "./errors.ts";
import { listFolder } from "./files.ts";
import { lockSandbox } from "./lock.ts";
import { checkName } from "./names.ts";
import { sandboxesRoot, sandboxPaths } from "./paths.ts";
import { killIfThere } from "./process.ts";
import { findProcesses, findRemains, sandboxesOfNamespaces } from "./remains.ts";
import { sandboxNames } from "./store.ts";
import { waitFor } from "./wait.ts";

/** The kernel frees namespaces, programs and maps some time after their last user, ms. */
const freeWithin = 8_000;

/**
 * Removes everything of the sandbox: processes, namespaces with their devices, mounts with their pins, control groups,
 * files. False when there was nothing. Throws SandboxError naming what would not go.
 */
export async function deleteSandbox(name: string, options: { locked?: boolean } = {}): Promise<boolean> {
  checkName(name);
  await using _lock = options.locked ? undefined : await lockSandbox(name);
  const found = findRemains(name);
  if (!found.found) return false;
  const objects = kernelObjects(name);
  leaveCgroup(found.cgroup);
  await endProcesses(name);
  // Again: until then an agent may have mounted the namespace of its health endpoint.
  const remains = findRemains(name);
  for (const path of remains.netns) deleteNetns(path);
  for (const path of remains.mounts) unmount(path);
  if (remains.cgroup !== undefined) await removeCgroups(remains.cgroup);
  if (remains.folder !== undefined) rmSync(remains.folder, { recursive: true, force: true });
  for (const shared of [sandboxesRoot, dirname(sandboxCgroup(name))]) removeIfEmpty(shared);
  await checkGone(name, objects);
  return true;
}

/** Links, programs and maps of all nodes, while their bpffs still tell them. */
function kernelObjects(name: string): KernelObjects[] {
  const nodes = join(sandboxPaths(name).root, "nodes");
  return listFolder(nodes).map((node) => pinnedObjects(sandboxPaths(name).node(node).bpf));
}

/** Looks again at everything, and at what the kernel frees with a delay. Throws SandboxError naming what is left. */
async function checkGone(name: string, objects: readonly KernelObjects[]): Promise<void> {
  let left: string[] = [];
  const gone = await waitFor(() => {
    const { netns, mounts, cgroup, folder } = findRemains(name);
    const parts = [...netns, ...mounts, cgroup, folder].filter((part) => part !== undefined);
    const bpf = objects.flatMap(objectsInKernel).map((item) => `${item.kind} ${item.name}`);
    left = [...parts, ...findProcesses(name).map((pid) => `process ${pid}`), ...bpf];
    return left.length === 0;
  }, freeWithin);
  if (gone) return;
  const some = `${left.slice(0, 5).join(", ")}${left.length > 5 ? ` and ${left.length - 5} more` : ""}`;
  throw new SandboxError(
    `Cannot delete sandbox "${name}": ${some} stay (see /proc/PID/fdinfo for what holds BPF objects; delete it again)`,
  );
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
