// SPDX-License-Identifier: Apache-2.0
// The shell's socket (shell.sock).
import { createServer, type Socket } from "node:net";
import { boundConnections, createLogger } from "../../core/index.ts";
import { listenUnix } from "../unix-socket.ts";
import { serveSession } from "./session.ts";
import type { ShellApi } from "./types.ts";

export interface ShellServerOptions {
  readonly api: ShellApi;
  /** Usually /var/run/cilium/shell.sock. */
  readonly socketPath: string;
  /** Default 0o660. */
  readonly mode?: number;
}

const log = createLogger("shell");

/** Sessions at once; one more ends the oldest. */
export const maxSessions = 16;

/** Makes the server; `stop()` ends all sessions. */
export function createShellServer({ api, socketPath, mode = 0o660 }: ShellServerOptions) {
  const sessions = new Set<Socket>();
  // A client may end its side and still wait for answers.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sessions.add(socket);
    socket.once("close", () => sessions.delete(socket));
    void serveSession(socket, api);
  });
  boundConnections(server, maxSessions, (error) => log.warn("Cannot take a connection", { error: error.message }));
  return {
    start: (): Promise<void> => listenUnix(server, socketPath, mode),
    stop: async (): Promise<void> => {
      if (!server.listening) return;
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sessions) socket.destroy();
      });
    },
  };
}
