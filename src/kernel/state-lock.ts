// SPDX-License-Identifier: Apache-2.0
// One process a state folder: the pid file, locked for as long as its process lives (flock(2)).
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { CiliumError } from "../core/index.ts";
import { Errno } from "./errno.ts";
import { SyscallError } from "./errors.ts";
import { c } from "./ffi.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
/** Whoever gives the lock back removes the file: the next one may have opened the removed one. */
const attempts = 10;

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
  let held: number | undefined;
  return {
    take() {
      makeFolder(stateDir, what);
      for (let attempt = 0; attempt < attempts && held === undefined; attempt++) held = tryTake(path, stateDir, what);
      if (held === undefined) throw new CiliumError(`Cannot ${what}: "${path}" is being taken by others (try again)`);
      // Whoever may read it could lock it.
      fchmodSync(held, 0o600);
      ftruncateSync(held);
      writeSync(held, `${process.pid}\n`, 0);
    },
    release() {
      if (held === undefined) return;
      if (isFile(path, held)) rmSync(path);
      closeSync(held);
      held = undefined;
    },
  };
}

function makeFolder(stateDir: string, what: string): void {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o755 });
    accessSync(stateDir, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CiliumError(
      `Cannot ${what}: state folder "${stateDir}": ${code} (a folder that can be written is needed)`,
    );
  }
}

/** The locked file's descriptor; undefined when it was removed meanwhile. */
function tryTake(path: string, stateDir: string, what: string): number | undefined {
  const fd = openSync(path, "a+", 0o600);
  try {
    if (c.flock(fd, LOCK_EX | LOCK_NB) !== 0) {
      const error = SyscallError.last("flock", `Cannot ${what}`);
      if (error.errno !== Errno.EAGAIN) throw error;
      const pid = readFileSync(path, "utf8").trim();
      throw new CiliumError(`Cannot ${what}: pid ${pid} runs on "${stateDir}" already (stop it, or set --state-dir)`);
    }
    if (isFile(path, fd)) return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}

/** Whether the path still leads to the open file. */
function isFile(path: string, fd: number): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  const own = fstatSync(fd);
  return there !== undefined && there.ino === own.ino && there.dev === own.dev;
}
