// SPDX-License-Identifier: Apache-2.0
// Servers that anybody may connect to.
import type { Server, Socket } from "node:net";

/**
 * Lets a server have `most` connections at once: one more ends the oldest. Where answers take milliseconds, who asks has
 * its answer long since, and who holds connections open keeps nobody else out. A connection that cannot be accepted (no
 * memory) is told to `failed` and ends nothing else.
 */
export function boundConnections(server: Server, most: number, failed: (error: Error) => void): void {
  /** In the order in which they came. */
  const connections = new Set<Socket>();
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    const [oldest] = connections;
    if (connections.size > most) oldest?.destroy();
  });
  server.on("error", failed);
}
