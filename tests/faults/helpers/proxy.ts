// SPDX-License-Identifier: Apache-2.0
// Stands between an agent and etcd: proxy.ts PORT UPSTREAM-HOST UPSTREAM-PORT. Commands come by stdin, one a line:
// "delay MS" (answers come so much later), "cut" (connections end and are refused), "join".
import { createServer, connect as open, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const [port, host, upstreamPort] = process.argv.slice(2);
const sockets = new Set<Socket>();
let delay = 0;
let open_ = true;

/** Passes data on in its order, each piece `ms()` after it came. */
function pass(from: Socket, to: Socket, ms: () => number): void {
  let last = Promise.resolve();
  from.on("data", (data) => {
    const due = sleep(ms());
    last = last.then(() => due).then(() => void (to.destroyed || to.write(data)));
  });
  from.on("close", () => void last.then(() => to.destroy()));
  from.on("error", () => from.destroy());
  sockets.add(from);
  from.once("close", () => sockets.delete(from));
}

const server = createServer((client) => {
  if (!open_) {
    client.destroy();
    return;
  }
  const upstream = open(Number(upstreamPort), host);
  pass(client, upstream, () => 0);
  pass(upstream, client, () => delay);
});
server.listen(Number(port), host, () => process.stdout.write("listening\n"));

createInterface({ input: process.stdin }).on("line", (line) => {
  const [command, value] = line.split(" ");
  if (command === "delay") delay = Number(value);
  open_ = command !== "cut";
  if (!open_) for (const socket of sockets) socket.destroy();
  process.stdout.write(`${line}\n`);
});
