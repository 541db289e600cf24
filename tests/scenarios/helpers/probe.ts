// SPDX-License-Identifier: Apache-2.0
// A workload: asks all questions of its argument (JSON) at once and prints which were answered (JSON).
import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { connect } from "node:net";

/** Milliseconds. A SYN is sent again after a second. */
const timeout = 2000;

export interface Probe {
  readonly protocol: "TCP" | "UDP" | "ICMP";
  readonly ip: string;
  /** None with ICMP. */
  readonly port?: number;
}

function askTcp(ip: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: ip, port, timeout });
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.on("connect", () => socket.write("hello"));
    socket.on("data", (data) => end(data.toString() === "hello"));
    socket.on("timeout", () => end(false));
    socket.on("error", () => end(false));
    socket.on("end", () => end(false));
  });
}

function askUdp(ip: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(ip.includes(":") ? "udp6" : "udp4");
    const end = (answered: boolean) => {
      clearTimeout(timer);
      socket.close();
      resolve(answered);
    };
    const timer = setTimeout(end, timeout, false);
    socket.once("message", (data) => end(data.toString() === "hello"));
    socket.once("error", () => end(false));
    socket.connect(port, ip, () => socket.send("hello"));
  });
}

function askIcmp(ip: string): Promise<boolean> {
  const seconds = String(timeout / 1000);
  return new Promise((resolve) =>
    execFile("ping", ["-n", "-c", "1", "-W", seconds, ip], (error) => resolve(error === null)),
  );
}

function ask({ protocol, ip, port = 0 }: Probe): Promise<boolean> {
  if (protocol === "ICMP") return askIcmp(ip);
  return protocol === "TCP" ? askTcp(ip, port) : askUdp(ip, port);
}

if (import.meta.main) {
  const probes = JSON.parse(process.argv[2] ?? "[]") as Probe[];
  process.stdout.write(JSON.stringify(await Promise.all(probes.map(ask))));
}
