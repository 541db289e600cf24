// SPDX-License-Identifier: Apache-2.0
// Mounts: bpffs for pins, binds for namespaces.
import { mkdirSync, readFileSync } from "node:fs";
import { Errno } from "./errno.ts";
import { SyscallError } from "./errors.ts";
import { c, lastErrno } from "./ffi.ts";

const MS_BIND = 4096;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

export interface Mount {
  readonly path: string;
  /** "bpf", "cgroup2", "nsfs", … */
  readonly type: string;
  /** Which directory of the file system it shows. */
  readonly root: string;
}

/** Mounts of this process (/proc/self/mountinfo); on equal paths the last one is on top. */
export function mounts(): Mount[] {
  return parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** Parses mountinfo; octal escapes (\040) are undone. */
export function parseMountinfo(text: string): Mount[] {
  const result: Mount[] = [];
  for (const line of text.split("\n")) {
    const [left, right] = line.split(" - ");
    const fields = left?.split(" ");
    const type = right?.split(" ")[0];
    const root = fields?.[3];
    const path = fields?.[4];
    if (type === undefined || root === undefined || path === undefined) continue;
    result.push({ path: undoEscapes(path), root: undoEscapes(root), type });
  }
  return result;
}

function undoEscapes(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Whether something (of this type) is mounted right at `path`. */
export function isMounted(path: string, type?: string): boolean {
  const top = mounts().findLast((mount) => mount.path === path);
  return top !== undefined && (type === undefined || top.type === type);
}

/** Makes the directory and mounts a new bpffs there, unless one is there already. */
export function mountBpffs(path: string): void {
  mkdirSync(path, { recursive: true });
  if (isMounted(path, "bpf")) return;
  if (c.mount("bpf", path, "bpf", 0, "mode=0700") !== 0) {
    throw SyscallError.last("mount", `Cannot mount bpffs at "${path}"`);
  }
}

/** Shows `source` at `target` too. */
export function bindMount(source: string, target: string): void {
  if (c.mount(source, target, null, MS_BIND, null) !== 0) {
    throw SyscallError.last("mount(MS_BIND)", `Cannot bind "${source}" to "${target}"`);
  }
}

/** Takes away all that is mounted at `path`, also when it is in use; nothing there is fine. */
export function unmount(path: string): void {
  for (let depth = 0; depth < 64; depth++) {
    if (c.umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) === 0) continue;
    const errno = lastErrno();
    if (errno === Errno.EINVAL || errno === Errno.ENOENT) return;
    throw new SyscallError({ call: "umount2", errno, what: `Cannot unmount "${path}"` });
  }
}
