// SPDX-License-Identifier: Apache-2.0
// For tests: the plug-in as a process in a network namespace of its own, with an agent in memory and without an engine.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { createApiServer } from "../../src/api/index.ts";
import { createMemoryAgent } from "../../src/api/testing.ts";
import { createNetns, deleteNetns, Rtnetlink } from "../../src/kernel/index.ts";

const main = new URL("./main.ts", import.meta.url).pathname;

export interface PluginAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** Root only. Ended by `dispose`, which removes everything. */
export class TestPlugin {
  readonly agent = createMemoryAgent();
  readonly folder = mkdtempSync(join(tmpdir(), "docker-"));
  /** Its state files. */
  readonly state = join(this.folder, "state");
  readonly netns: string;
  readonly #agentSocket = join(this.folder, "agent.sock");
  readonly #server = createApiServer({ api: this.agent.api, socketPath: this.#agentSocket });
  #process: ChildProcess | undefined;

  private constructor(name: string) {
    this.netns = `/run/netns/docker-${name}-${process.pid}`;
  }

  static async create(name: string): Promise<TestPlugin> {
    const plugin = new TestPlugin(name);
    createNetns(plugin.netns).close();
    await plugin.#server.start();
    await plugin.start();
    return plugin;
  }

  /** Resolves when it serves and has removed what was given up. */
  async start(): Promise<void> {
    const sockets = ["--agent-socket", this.#agentSocket, "--docker-socket", join(this.folder, "none.sock")];
    const folders = ["--plugin-dir", join(this.folder, "plugins"), "--state-dir", this.state];
    const command = [`--net=${this.netns}`, process.execPath, main, ...sockets, ...folders];
    const child = spawn("nsenter", command, { stdio: ["ignore", "ignore", "pipe"] });
    this.#process = child;
    let log = "";
    await new Promise<void>((resolve, reject) => {
      child.once("exit", () => reject(new Error(`Plug-in ended: ${log}`)));
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
        log += chunk;
        if (log.includes("Plug-in is ready")) resolve();
      });
    });
  }

  async stop(): Promise<void> {
    if (this.#process === undefined || !this.running) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await ended;
  }

  get running(): boolean {
    return this.#process?.exitCode === null && this.#process.signalCode === null;
  }

  /** What an engine would send, or anything else. */
  async post(path: string, body: string, method = "POST"): Promise<PluginAnswer> {
    const request = httpRequest({ socketPath: join(this.folder, "plugins/cilium.sock"), path, method });
    request.end(body);
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return { status: response.statusCode ?? 0, body: JSON.parse(await text(response)) as Record<string, unknown> };
  }

  call(name: string, body: object): Promise<PluginAnswer> {
    return this.post(`/${name}`, JSON.stringify(body));
  }

  /** Names of the namespace's devices. */
  devices(): string[] {
    using rtnl = new Rtnetlink({ netns: this.netns });
    const names = rtnl.links().map(({ name }) => name);
    return names.filter((name) => name !== "lo").sort();
  }

  async dispose(): Promise<void> {
    await this.stop();
    await this.#server.stop();
    deleteNetns(this.netns);
    rmSync(this.folder, { recursive: true });
  }
}
