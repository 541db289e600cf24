// SPDX-License-Identifier: Apache-2.0
// The door that front.c holds: it has the engine's socket and calls, and outlives this process.
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { Socket } from "node:net";
import { dirname } from "node:path";

export interface Front {
  /** Tells where this process serves; resolves when the engine may connect to `enginePath`. */
  open(enginePath: string, ownPath: string): Promise<void>;
}

/** Undefined for a process without a door. */
export function frontOf(env: NodeJS.ProcessEnv): Front | undefined {
  const fd = Number.parseInt(env.CILIUM_DOCKER_FRONT ?? "", 10);
  return Number.isNaN(fd) ? undefined : { open: (enginePath, ownPath) => open(fd, enginePath, ownPath) };
}

async function open(fd: number, enginePath: string, ownPath: string): Promise<void> {
  mkdirSync(dirname(enginePath), { recursive: true });
  const socket = new Socket({ fd, readable: true, writable: true });
  socket.write(`${enginePath}\n${ownPath}\n`);
  // Without an answer the door was not opened, has said why, and ends us.
  await once(socket, "data");
  socket.destroy();
}
