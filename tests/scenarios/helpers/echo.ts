// SPDX-License-Identifier: Apache-2.0
// A workload: answers what it gets, on TCP and UDP ports 7000 and 7001, over IPv4 and IPv6.
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

for (const port of [7000, 7001]) {
  const tcp = createServer((socket) => {
    // A client that is cut off by policy resets late, or never.
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  });
  tcp.listen(port, "::");
  const udp = createSocket({ type: "udp6", ipv6Only: false });
  udp.on("message", (message, from) => udp.send(message, from.port, from.address));
  udp.bind(port, "::");
}
