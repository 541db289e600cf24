// SPDX-License-Identifier: Apache-2.0
// A workload: keeps asking an echo server until SIGTERM, then prints what got lost (JSON).
// One TCP connection that lives all the time, and a new TCP connection and a UDP datagram every 50 ms.
import { createSocket } from "node:dgram";
import { connect } from "node:net";

/** Counts of questions and answers; `longestGap` in milliseconds, of the connection that lives. */
export interface StreamReport {
  readonly connection: { readonly sent: number; readonly answered: number; readonly longestGap: number };
  readonly connects: { readonly sent: number; readonly answered: number };
  readonly datagrams: { readonly sent: number; readonly answered: number };
}

const everyMs = 50;
const lateMs = 1000;
const port = 7000;

function run(ip: string): void {
  const connection = { sent: 0, answered: 0, longestGap: 0 };
  const connects = { sent: 0, answered: 0 };
  const datagrams = { sent: 0, answered: 0 };
  let last = performance.now();
  // Says that it flows with something that the report may begin with.
  const lived = connect(port, ip, () => process.stdout.write("\n"));
  lived.on("error", () => lived.destroy());
  lived.on("data", (data) => {
    connection.answered += data.length;
    const now = performance.now();
    connection.longestGap = Math.max(connection.longestGap, now - last);
    last = now;
  });
  const udp = createSocket(ip.includes(":") ? "udp6" : "udp4");
  udp.on("message", () => datagrams.answered++);
  udp.on("error", () => {});
  udp.connect(port, ip);
  const timer = setInterval(() => {
    if (lived.writable && !lived.connecting) {
      connection.sent++;
      lived.write("x");
    }
    connects.sent++;
    const socket = connect({ host: ip, port, timeout: lateMs }, () => socket.write("x"));
    socket.on("data", () => {
      connects.answered++;
      socket.destroy();
    });
    socket.on("timeout", () => socket.destroy());
    socket.on("error", () => socket.destroy());
    datagrams.sent++;
    udp.send("x", () => {});
  }, everyMs);
  process.once("SIGTERM", () => {
    clearInterval(timer);
    setTimeout(() => {
      connection.longestGap = Math.round(Math.max(connection.longestGap, performance.now() - last - lateMs));
      process.stdout.write(JSON.stringify({ connection, connects, datagrams }), () => process.exit(0));
    }, lateMs);
  });
}

if (import.meta.main) run(process.argv[2] ?? "");
