// SPDX-License-Identifier: Apache-2.0
// Runs the measuring programs: rr (compiled here) for request/response, iperf3 for bulk.
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Path } from "./topologies.ts";

const run = promisify(execFile);
const rrPort = "7001";
const manyPort = "7002";
const seconds = "0.3";
/** Some 0.3 s of bulk and of small datagrams. */
const amount = { bytes: "400M", datagrams: "60000" };

/** What is measured of a path: name, unit and how. */
export const measures = [
  { name: "TCP request/response, 1 connection", unit: "round trips/s", run: (t, path) => t.roundTrips(path) },
  { name: "TCP request/response, 32", unit: "round trips/s", run: (t, path) => t.rr("clients", manyPort, path) },
  { name: "TCP connect/request/close", unit: "connections/s", run: (t, path) => t.rr("connects", rrPort, path) },
  { name: "TCP bulk, 1 connection", unit: "Gbit/s", run: (t, path) => t.bulk(path, 1) },
  { name: "TCP bulk, 4 connections", unit: "Gbit/s", run: (t, path) => t.bulk(path, 4) },
  { name: "UDP, 64 bytes, received", unit: "packets/s", run: (t, path) => t.datagrams(path) },
] as const satisfies readonly {
  name: string;
  unit: string;
  run: (traffic: Traffic, path: Path) => Promise<number>;
}[];

/** The programs, and servers that run until it is disposed. */
export class Traffic implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "bench-rr-"));
  readonly #rr = join(this.#folder, "rr");
  readonly #servers: ChildProcess[] = [];

  constructor() {
    execFileSync("clang", ["-O2", "-Wall", "-o", this.#rr, join(import.meta.dirname, "rr.c")]);
  }

  /** Starts the servers of a path. */
  serve({ server, address }: Path): void {
    for (const command of [
      ["taskset", "1", this.#rr, "server", address, rrPort],
      ["taskset", "1", this.#rr, "servers", address, manyPort],
      ["iperf3", "-s", "-A", "1", "-B", address],
    ]) {
      this.#servers.push(spawn("nsenter", [`--net=${server}`, ...command], { stdio: "ignore" }));
    }
  }

  /** Round trips a second of one connection. */
  roundTrips(path: Path): Promise<number> {
    return this.rr("client", rrPort, path);
  }

  /** What a mode of rr says. Both ends on one CPU: no wake-up of an idle one is in the figure. */
  async rr(mode: "client" | "clients" | "connects", port: string, { client, address }: Path): Promise<number> {
    const command = ["taskset", "1", this.#rr, mode, address, port, seconds];
    return Number((await run("nsenter", [`--net=${client}`, ...command], { timeout: 10_000 })).stdout);
  }

  /** Gbit/s of TCP, the ends on a CPU each. */
  async bulk(path: Path, connections = 1): Promise<number> {
    const { sum_received } = await iperf(path, ["-n", amount.bytes, "-P", String(connections)]);
    return sum_received.bits_per_second / 1e9;
  }

  /** Datagrams of 64 bytes that arrive, as many sent as can be. */
  async datagrams(path: Path): Promise<number> {
    const { sum_received } = await iperf(path, ["-u", "-b", "0", "-l", "64", "-k", amount.datagrams]);
    return sum_received.bits_per_second / 8 / 64;
  }

  [Symbol.dispose](): void {
    for (const server of this.#servers) server.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true });
  }
}

async function iperf({ client, address }: Path, options: readonly string[]) {
  const command = ["iperf3", "-c", address, "-A", "0", "-J", ...options];
  const { stdout } = await run("nsenter", [`--net=${client}`, ...command], { timeout: 15_000, maxBuffer: 1 << 24 });
  return (JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } }).end;
}
