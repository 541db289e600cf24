// SPDX-License-Identifier: Apache-2.0
// A workload that tells askers what address and port they have: `serve`, or `ask IP COUNT [PORT]`, which opens so many TCP
// connections at once (from PORT on, where one is given), asks once by UDP, and prints what all were told (JSON). Those
// that had no answer within 20 seconds were told nothing.
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";

/** What an asker was told. */
export interface Told {
  readonly tcp: readonly (string | undefined)[];
  readonly udp: string | undefined;
}

const port = 7002;
const timeout = 20_000;

const plain = (address: string | undefined) => (address ?? "").replace("::ffff:", "");

function serve(): void {
  createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.write(`${plain(socket.remoteAddress)} ${socket.remotePort}\n`);
  }).listen(port, "::", 4096);
  const udp = createSocket({ type: "udp6", ipv6Only: false });
  udp.on("message", (_, from) => udp.send(`${plain(from.address)} ${from.port}`, from.port, from.address));
  udp.bind(port, "::", () => process.stdout.write("\n"));
}

function askTcp(host: string, localPort: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout, ...(localPort > 0 && { localPort }) });
    // Connections stay until all have been told: none may take the port of another.
    socket.once("data", (data) => resolve(data.toString().trim()));
    socket.once("timeout", () => resolve(undefined));
    socket.once("error", () => resolve(undefined));
  });
}

function askUdp(host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    setTimeout(resolve, timeout, undefined).unref();
    socket.once("message", (data) => resolve(data.toString()));
    socket.once("error", () => resolve(undefined));
    socket.connect(port, host, () => socket.send("who"));
  });
}

if (import.meta.main) {
  const [what, host = "", count = "1", first = "0"] = process.argv.slice(2);
  if (what === "serve") serve();
  else {
    const numbers = Array.from({ length: Number(count) }, (_, index) => (first === "0" ? 0 : Number(first) + index));
    const [udp, ...tcp] = await Promise.all([askUdp(host), ...numbers.map((local) => askTcp(host, local))]);
    process.stdout.write(JSON.stringify({ tcp, udp } satisfies Told), () => process.exit(0));
  }
}
