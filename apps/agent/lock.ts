// SPDX-License-Identifier: Apache-2.0
// One agent a state folder, and a state folder that takes what an agent has to keep.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CiliumError, type Module, toError } from "../../src/core/index.ts";
import { createStateLock } from "../../src/kernel/index.ts";

/** Bytes; an agent that could store nothing would forget its next pods with its next start. */
const room = 64 * 1024;

/**
 * Holds the state folder from start to stop. Throws, naming the holder's pid, while another process holds it, and
 * when the folder has no room.
 */
export function createLock(stateDir: string): Module {
  const lock = createStateLock(stateDir, "start cilium-agent");
  return {
    name: "lock",
    async start() {
      lock.take();
      try {
        checkRoom(stateDir);
      } catch (error) {
        lock.release();
        throw error;
      }
    },
    async stop() {
      lock.release();
    },
  };
}

function checkRoom(stateDir: string): void {
  const path = join(stateDir, "cilium.pid.room");
  try {
    writeFileSync(path, new Uint8Array(room));
  } catch (error) {
    const { message } = toError(error);
    throw new CiliumError(`Cannot start cilium-agent: "${stateDir}" takes no writes: ${message} (make room)`);
  } finally {
    rmSync(path, { force: true });
  }
}
