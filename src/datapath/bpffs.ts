// SPDX-License-Identifier: Apache-2.0
// The bpffs that keeps maps and links while no agent runs.
import { existsSync, mkdirSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { mountBpffs } from "../kernel/index.ts";
import { datapathError } from "./errors.ts";

const BPF_FS_MAGIC = 0xcafe4a11;

/** Whether the folder is on a bpffs. */
export function isBpffs(path: string): boolean {
  return existsSync(path) && statfsSync(path).type === BPF_FS_MAGIC;
}

/**
 * Mounts a bpffs at `root` when none is there; `note` hears before of the folders that are made for it. Throws
 * DatapathError with what to do.
 */
export function ensureBpffs(root: string, note: (folders: readonly string[]) => void = () => {}): void {
  try {
    if (isBpffs(root)) return;
    const folders = missingFolders(root);
    note(folders);
    // Node's own recursive mkdir never ends where the parent refuses with ENOENT, as /proc does.
    for (const folder of folders) mkdirSync(folder);
    mountBpffs(root);
  } catch (error) {
    throw datapathError(`Cannot use BPF root "${root}"`, error, `as root: mount -t bpf bpf ${root}`);
  }
}

/** Outer ones first. */
function missingFolders(path: string): string[] {
  if (existsSync(path)) return [];
  return [...(dirname(path) === path ? [] : missingFolders(dirname(path))), path];
}
