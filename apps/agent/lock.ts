// SPDX-License-Identifier: Apache-2.0
// One agent a state folder.
import type { Module } from "../../src/core/index.ts";
import { createStateLock } from "../../src/kernel/index.ts";

/** Holds the state folder from start to stop. Throws, naming the holder's pid, while another process holds it. */
export function createLock(stateDir: string): Module {
  const lock = createStateLock(stateDir, "start cilium-agent");
  return {
    name: "lock",
    async start() {
      lock.take();
    },
    async stop() {
      lock.release();
    },
  };
}
