// SPDX-License-Identifier: Apache-2.0
// Whether connections can be made, and where somebody listens.
import { readFileSync } from "node:fs";
import { connect } from "node:net";

const PATIENCE_MS = 2000;
const LISTEN = "0A";

export interface Target {
  /** For people. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** Whether a new TCP connection gets an answer; a refusal is one. */
export function connects({ host, port }: Target): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PATIENCE_MS });
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code === "ECONNREFUSED"));
  });
}

/** TCP ports that are listened at in this network namespace, at any address but loopback. */
export function listeningPorts(): Set<number> {
  const ports = new Set<number>();
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of readFileSync(file, "utf8").split("\n").slice(1)) {
      const [, local = "", , state] = line.trim().split(/\s+/);
      const [address = "", port = ""] = local.split(":");
      if (state === LISTEN && !isLoopback(address)) ports.add(Number.parseInt(port, 16));
    }
  }
  return ports;
}

/** Of an address in the kernel's words, each little endian. */
function isLoopback(address: string): boolean {
  return /^.{6}7F$/.test(address) || address === "00000000000000000000000001000000";
}
