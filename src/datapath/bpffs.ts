// SPDX-License-Identifier: Apache-2.0
// The bpffs that keeps maps and links while no agent runs.
import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { mountBpffs } from "../kernel/index.ts";
import { datapathError } from "./errors.ts";
import { pinRoot } from "./loader/pins.ts";
import { mapPinRoot } from "./maps/names.ts";

const BPF_FS_MAGIC = 0xcafe4a11;

/** Whether the folder is on a bpffs. */
export function isBpffs(path: string): boolean {
  return existsSync(path) && statfsSync(path).type === BPF_FS_MAGIC;
}

/** Mounts a bpffs at `root` when none is there; throws DatapathError with what to do. */
export function ensureBpffs(root: string): void {
  try {
    if (isBpffs(root)) return;
    makeFolder(root);
    mountBpffs(root);
  } catch (error) {
    throw datapathError(`Cannot use BPF root "${root}"`, error, `as root: mount -t bpf bpf ${root}`);
  }
}

/** As mkdir -p. Node's own recursive mkdir never ends where the parent refuses with ENOENT, as /proc does. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  mkdirSync(path);
}

/** Removes links, and then maps, of the datapath; the mount stays. */
export function removePins(root: string): void {
  if (!isBpffs(root)) return;
  rmSync(pinRoot(root), { recursive: true, force: true });
  const maps = mapPinRoot(root);
  if (!existsSync(maps)) return;
  for (const name of readdirSync(maps)) if (name.startsWith("cilium_")) rmSync(join(maps, name), { force: true });
}
