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
const seconds = { rr: "0.7", bulk: "1" };

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
      ["iperf3", "-s", "-A", "1", "-B", address],
    ]) {
      this.#servers.push(spawn("nsenter", [`--net=${server}`, ...command], { stdio: "ignore" }));
    }
  }

  /** Round trips a second, one byte each way. Both ends on one CPU: no wake-up of an idle one is in the figure. */
  async roundTrips({ client, address }: Path): Promise<number> {
    const command = ["taskset", "1", this.#rr, "client", address, rrPort, seconds.rr];
    return Number((await run("nsenter", [`--net=${client}`, ...command], { timeout: 10_000 })).stdout);
  }

  /** Gbit/s of one TCP connection, the ends on a CPU each. */
  async bulk({ client, address }: Path): Promise<number> {
    const command = ["iperf3", "-c", address, "-t", seconds.bulk, "-A", "0", "-J"];
    const { stdout } = await run("nsenter", [`--net=${client}`, ...command], { timeout: 15_000, maxBuffer: 1 << 24 });
    const { end } = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } };
    return end.sum_received.bits_per_second / 1e9;
  }

  [Symbol.dispose](): void {
    for (const server of this.#servers) server.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true });
  }
}
