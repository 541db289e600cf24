// SPDX-License-Identifier: Apache-2.0
// One process a state folder: the pid file, with the process's start time so that a re-used pid does not count.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CiliumError } from "./errors.ts";

/** The state folder, for this process alone. */
export interface StateLock {
  /** Takes `<stateDir>/cilium.pid`. Throws `Cannot WHAT: …`, naming the holder's pid, while another process holds it. */
  take(): void;
  /** Gives it back; nothing when it is not held. */
  release(): void;
}

/** Nothing happens before take(); `what` says for errors what the lock is needed for, as in "start cilium-agent". */
export function createStateLock(stateDir: string, what: string): StateLock {
  const path = join(stateDir, "cilium.pid");
  const own = `${process.pid} ${startTime(process.pid)}\n`;
  return {
    take() {
      mkdirSync(stateDir, { recursive: true, mode: 0o755 });
      const temporary = `${path}.${process.pid}`;
      writeFileSync(temporary, own, { mode: 0o644 });
      try {
        take(temporary, path, stateDir, what);
      } finally {
        rmSync(temporary, { force: true });
      }
    },
    release() {
      if (read(path) === own) rmSync(path, { force: true });
    },
  };
}

function take(temporary: string, path: string, stateDir: string, what: string): void {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      linkSync(temporary, path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const found = read(path) ?? "";
    const [pid = "", since = ""] = found.trim().split(" ");
    if (since !== "" && startTime(Number(pid)) === since) {
      throw new CiliumError(`Cannot ${what}: pid ${pid} runs on "${stateDir}" already (stop it, or set --state-dir)`);
    }
    discard(path, found);
  }
  throw new CiliumError(`Cannot ${what}: "${path}" is being taken by others (try again)`);
}

/** Removes a file whose agent is gone, but not one that another agent has put in its place meanwhile. */
function discard(path: string, found: string): void {
  const aside = `${path}.${process.pid}.old`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (read(aside) !== found) linkSync(aside, path);
  rmSync(aside);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ESRCH: a process that ended between open and read of its file in /proc.
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}

/** Start time of a process in clock ticks since boot; empty when there is none, or only its exit code is left. */
function startTime(pid: number): string {
  const stat = read(`/proc/${pid}/stat`) ?? "";
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? "" : (fields[19] ?? "");
}
