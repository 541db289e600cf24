// SPDX-License-Identifier: Apache-2.0
// A real etcd for tests: on loopback, free ports, a folder of its own, ended by its pid.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CiliumError } from "../core/index.ts";
import type { KvstoreConfig } from "./module.ts";

/** Options that make a session notice a dead etcd within a second. */
export const impatientOptions = {
  "etcd.qps": "5000",
  "etcd.keepaliveHeartbeat": "150ms",
  "etcd.keepaliveTimeout": "1s",
  "etcd.operation": "3s",
} as const;

/** An etcd process of a test. */
export class TestEtcd implements AsyncDisposable {
  readonly url: string;
  readonly #folder: string;
  readonly #healthUrl: string;
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;
  #stderr = "";

  private constructor(folder: string, ports: readonly number[], extra: readonly string[]) {
    const [clientPort, peerPort, metricsPort] = ports;
    this.#folder = folder;
    this.url = `${extra.includes("--auto-tls") ? "https" : "http"}://127.0.0.1:${clientPort}`;
    this.#healthUrl = `http://127.0.0.1:${metricsPort}`;
    const peer = `http://127.0.0.1:${peerPort}`;
    this.#args = [
      ...["--name=test", `--initial-cluster=test=${peer}`, "--log-level=error", "--unsafe-no-fsync"],
      ...[`--listen-client-urls=${this.url}`, `--advertise-client-urls=${this.url}`],
      `--listen-metrics-urls=${this.#healthUrl}`,
      ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`],
      // Elections and lease time-outs are counted in these; a test should not wait for them.
      ...["--heartbeat-interval=10", "--election-timeout=100", "--grpc-keepalive-min-time=50ms"],
      ...extra,
    ];
  }

  /** Starts an etcd with an empty store; resolves when it answers. */
  static async start(extra: readonly string[] = []): Promise<TestEtcd> {
    const ports = await freePorts(3);
    const folder = mkdtempSync(join(tmpdir(), "kvstore-etcd-"));
    const etcd = new TestEtcd(folder, ports, extra);
    try {
      await etcd.resume();
    } catch (error) {
      await etcd[Symbol.asyncDispose]();
      throw error;
    }
    return etcd;
  }

  /** The certificate that etcd made for itself with `--auto-tls`. */
  get certificate(): string {
    return join(this.#folder, "data/fixtures/client/cert.pem");
  }

  /** Session configuration for this etcd. */
  config(leaseTtl = 60): KvstoreConfig {
    return { kind: "etcd", options: { "etcd.address": this.url, ...impatientOptions }, leaseTtl };
  }

  /** Starts again on the same port and data after `kill`. */
  async resume(): Promise<void> {
    const args = [...this.#args, `--data-dir=${join(this.#folder, "data")}`];
    const child = spawn("/usr/bin/etcd", args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#process = child;
    child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-2000);
    });
    const failed = Promise.withResolvers<never>();
    child.once("error", (error) => failed.reject(error));
    await Promise.race([this.#answers(child), failed.promise]);
  }

  /** Ends the process as a crash would. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Removes the data of a killed etcd. */
  wipe(): void {
    rmSync(join(this.#folder, "data"), { recursive: true, force: true });
  }

  /** Stops the process from running, without its connections noticing; `false` lets it go on. */
  freeze(frozen: boolean): void {
    this.#process?.kill(frozen ? "SIGSTOP" : "SIGCONT");
  }

  /** Calls etcd's JSON gateway, for what a session cannot do. */
  async json(path: string, body: unknown, token?: string): Promise<Record<string, unknown>> {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: token };
    const response = await fetch(`${this.url}${path}`, { method: "POST", body: JSON.stringify(body), headers });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new CiliumError(`Cannot call etcd "${path}": ${JSON.stringify(answer)}`);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #answers(child: ChildProcess): Promise<void> {
    for (let tries = 0; tries < 6000; tries++) {
      if (child.exitCode !== null) throw new CiliumError(`Cannot start etcd: exit ${child.exitCode}: ${this.#stderr}`);
      const healthy = await fetch(`${this.#healthUrl}/health`).then(
        async (response) => /"health":\s*"true"/.test(await response.text()),
        () => false,
      );
      if (healthy) return;
      await sleep(10);
    }
    throw new CiliumError(`Cannot start etcd: no answer within 60 s: ${this.#stderr}`);
  }
}

/** Ports of loopback that nobody uses. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(async (server) => {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const address = server.address();
      return address !== null && typeof address === "object" ? address.port : 0;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export { eventually } from "../core/testing.ts";
