// SPDX-License-Identifier: Apache-2.0
// A proxy before etcd, in the namespace where etcd is.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { nodeCommand, type Sandbox, sandboxPaths, spawnIn } from "../../apps/sandbox/index.ts";

const port = 2479;

/** Ends with the sandbox. */
export class EtcdProxy {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  /** What an agent gets as etcd.address to go through it. */
  readonly url: string;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
    if (child.stdout === null) throw new Error("Cannot read from the proxy: it has no stdout");
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static async start(sandbox: Sandbox, etcdUrl: string): Promise<EtcdProxy> {
    const { hostname, port: upstream } = new URL(etcdUrl);
    const command = [process.execPath, join(import.meta.dirname, "helpers/proxy.ts"), `${port}`, hostname, upstream];
    const netns = sandboxPaths(sandbox.name).underlayNetns;
    const child = spawnIn({ ...nodeCommand(sandbox, "node1", command), netns }, { stdio: ["pipe", "pipe", "inherit"] });
    const proxy = new EtcdProxy(child, `http://${hostname}:${port}`);
    await proxy.#lines.next();
    return proxy;
  }

  /** Answers come so much later, ms. */
  async delay(ms: number): Promise<void> {
    await this.#tell(`delay ${ms}`);
  }

  /** Ends all connections and takes no new ones until `join`. */
  async cut(): Promise<void> {
    await this.#tell("cut");
  }

  async join(): Promise<void> {
    await this.#tell("join");
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGKILL");
    await once(this.#child, "close");
  }

  async #tell(line: string): Promise<void> {
    this.#child.stdin?.write(`${line}\n`);
    await this.#lines.next();
  }
}
