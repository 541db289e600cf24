// SPDX-License-Identifier: Apache-2.0
// One command at a time changes a sandbox. The lock is an abstract socket: it goes with its process, whatever ends it.
import { createServer } from "node:net";
import { SandboxError } from "./errors.ts";
import { waitFor } from "./wait.ts";

/** Waits for the lock; dispose releases it. Throws when another command keeps it for `timeout` ms. */
export async function lockSandbox(name: string, timeout = 60_000): Promise<AsyncDisposable> {
  let held: AsyncDisposable | undefined;
  const got = await waitFor(async () => {
    held = await tryLock(`\0cilium-sandbox/${name}`);
    return held !== undefined;
  }, timeout);
  if (!got || held === undefined) {
    throw new SandboxError(
      `Cannot change sandbox "${name}": another command has been at it for ${timeout / 1000} s (wait for it, or end it)`,
    );
  }
  return held;
}

function tryLock(address: string): Promise<AsyncDisposable | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen({ path: address, exclusive: true }, () => {
      server.unref();
      resolve({ [Symbol.asyncDispose]: () => new Promise<void>((done) => server.close(() => done())) });
    });
  });
}
