// SPDX-License-Identifier: Apache-2.0
// A workload: keeps asking an echo server until SIGTERM, then prints what got lost (JSON).
// One TCP connection that lives all the time, and every 50 ms a new TCP connection and a UDP datagram, of which nothing
// is sent twice: every second one from a port of its own, so that it asks the policy.
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Counts of questions and answers; `longestGap` in milliseconds, of the connection that lives. */
export interface StreamReport {
  readonly connection: { readonly sent: number; readonly answered: number; readonly longestGap: number };
  readonly connects: { readonly sent: number; readonly answered: number };
  readonly datagrams: { readonly sent: number; readonly answered: number };
}

const everyMs = 50;
/** What is not answered by then is lost; with nothing lost nobody waits for it. */
const lateMs = 3000;
const port = 7000;

function run(ip: string): void {
  const connection = { sent: 0, answered: 0, longestGap: 0 };
  const connects = { sent: 0, answered: 0 };
  const datagrams = { sent: 0, answered: 0 };
  let last = performance.now();
  const lived = connect(port, ip);
  // Says that it flows with something that the report may begin with.
  lived.once("data", () => process.stdout.write("\n"));
  lived.on("error", () => lived.destroy());
  lived.on("data", (data) => {
    connection.answered += data.length;
    const now = performance.now();
    connection.longestGap = Math.max(connection.longestGap, now - last);
    last = now;
  });
  const type = ip.includes(":") ? "udp6" : "udp4";
  const udp = createSocket(type).on("error", () => {});
  udp.on("message", () => datagrams.answered++);
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
    if (++datagrams.sent % 2 === 0) udp.send("x", () => {});
    else askOnce(ip, type, () => datagrams.answered++);
  }, everyMs);
  process.once("SIGTERM", async () => {
    clearInterval(timer);
    connection.longestGap = Math.round(Math.max(connection.longestGap, performance.now() - last));
    const end = performance.now() + lateMs;
    const open = () => [connection, connects, datagrams].some(({ sent, answered }) => answered < sent);
    while (open() && performance.now() < end) await sleep(20);
    process.stdout.write(JSON.stringify({ connection, connects, datagrams }), () => process.exit(0));
  });
}

/** A datagram of a flow of its own. */
function askOnce(ip: string, type: "udp4" | "udp6", answered: () => void): void {
  const socket = createSocket(type).on("error", () => {});
  const timer = setTimeout(() => socket.close(), lateMs);
  socket.once("message", () => {
    answered();
    clearTimeout(timer);
    socket.close();
  });
  socket.connect(port, ip, () => socket.send("x"));
}

if (import.meta.main) run(process.argv[2] ?? "");
