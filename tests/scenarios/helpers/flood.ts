// SPDX-License-Identifier: Apache-2.0
// A workload: sends datagrams to an echo server as fast as answers come, nearly each of a new flow, until SIGTERM, then
// prints how many were answered (JSON). Nothing is sent twice, and never so many at once that a socket could overflow.
import { createSocket } from "node:dgram";
import { setTimeout as sleep } from "node:timers/promises";

export interface FloodReport {
  readonly sent: number;
  readonly answered: number;
}

const windowSize = 32;
/** Datagrams of one flow. */
const perFlow = 4;
/** What is not answered by then is lost; with nothing lost nobody waits for it. */
const lateMs = 30_000;
/** Between datagrams that nobody is expected to answer. */
const silentMs = 2;

/** `answers`: whether they are expected; then each lane waits for one before it goes on. */
function run(ip: string, port: number, answers: boolean): void {
  const report = { sent: 0, answered: 0 };
  let stopped = false;
  const lanes = Array.from({ length: windowSize }, async () => {
    while (!stopped) await flow(ip, port, report, answers, () => stopped);
  });
  process.once("SIGTERM", async () => {
    stopped = true;
    await Promise.all(lanes);
    // An answer that was not expected may still be on its way.
    if (!answers) await sleep(200);
    process.stdout.write(JSON.stringify(report), () => process.exit(0));
  });
  process.stdout.write("\n");
}

async function flow(
  ip: string,
  port: number,
  report: { sent: number; answered: number },
  answers: boolean,
  stopped: () => boolean,
): Promise<void> {
  const socket = createSocket(ip.includes(":") ? "udp6" : "udp4");
  // A refusal is an answer of the other side's kernel that nobody asked for; what counts is the echo.
  socket.on("error", () => {});
  let arrived = Promise.withResolvers<void>();
  socket.on("message", () => {
    report.answered++;
    arrived.resolve();
  });
  await new Promise<void>((resolve) => socket.connect(port, ip, () => resolve()));
  for (let n = 0; n < perFlow && !stopped(); n++) {
    arrived = Promise.withResolvers();
    report.sent++;
    socket.send("x", () => {});
    await (answers ? Promise.race([arrived.promise, sleep(lateMs, undefined, { ref: false })]) : sleep(silentMs));
  }
  socket.close();
}

if (import.meta.main) {
  const [ip = "", port = "0", answers = "answers"] = process.argv.slice(2);
  run(ip, Number(port), answers === "answers");
}
