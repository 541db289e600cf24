// SPDX-License-Identifier: Apache-2.0
// Debian's containerd, and containers that `ctr run --cni` runs on it.
import type { ChildProcess } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../src/core/testing.ts";
import { type CniHost, mountedFolders } from "./cni-host.ts";
import { archiveName } from "./image.ts";
import { end, endRemains } from "./processes.ts";
import { programs } from "./programs.ts";

/** Where a containerd of a folder listens. */
export function containerdSocket(folder: string): string {
  return join(folder, "containerd.sock");
}

/** Starts one whose files are in a folder; it answers when this returns. */
export async function startContainerd(
  folder: string,
  spawn: (log: string, command: readonly string[]) => ChildProcess,
): Promise<ChildProcess> {
  const config = join(folder, "containerd.toml");
  writeFileSync(config, 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n');
  const folders = ["--root", join(folder, "containerd"), "--state", join(folder, "containerd-state")];
  const socket = containerdSocket(folder);
  const daemon = spawn("containerd.log", [programs.containerd, "--config", config, "--address", socket, ...folders]);
  await eventually("containerd", () => existsSync(socket));
  return daemon;
}

export class Containerd {
  readonly #host: CniHost;
  readonly #cgroup = `cilium-ctr-${process.pid}`;
  readonly #running = new Map<string, ChildProcess>();
  #daemon: ChildProcess | undefined;

  private constructor(host: CniHost) {
    this.#host = host;
  }

  static async start(host: CniHost, archive: string): Promise<Containerd> {
    const containerd = new Containerd(host);
    containerd.#daemon = await startContainerd(host.folder, (log, command) => host.spawn(log, command));
    await containerd.#ctr("images", "import", archive);
    return containerd;
  }

  get socket(): string {
    return containerdSocket(this.#host.folder);
  }

  async #ctr(...args: readonly string[]): Promise<string> {
    return await this.#host.must([programs.ctr, "-a", this.socket, ...args]);
  }

  /** Runs a container in the foreground, as ctr calls DEL only then; returns when it runs. */
  async run(id: string, labels: readonly string[], command: readonly string[]): Promise<void> {
    const run = [programs.ctr, "-a", this.socket, "run", ...this.#options(id, labels), archiveName, id, ...command];
    const child = this.#host.spawn(`ctr-${id}.log`, run);
    this.#running.set(id, child);
    await eventually(`container ${id}`, async () => {
      if (child.exitCode !== null) throw new Error(`ctr run ${id}: exit code ${child.exitCode}`);
      return new RegExp(`^${id}\\s.*RUNNING`, "m").test(await this.#ctr("tasks", "ls"));
    });
  }

  #options(id: string, labels: readonly string[]): string[] {
    const mounts = mountedFolders.flatMap((path) => ["--mount", `type=bind,src=${path},dst=${path},options=rbind:ro`]);
    const own = ["--cgroup", `${this.#cgroup}/${id}`, "--runc-root", join(this.#host.folder, "runc")];
    return ["--cni", ...own, ...labels.flatMap((label) => ["--label", label]), ...mounts];
  }

  /** Runs a container whose end ctr does not wait for: nobody calls DEL. */
  async runDetached(id: string, labels: readonly string[], command: readonly string[]): Promise<void> {
    await this.#ctr("run", "-d", ...this.#options(id, labels), archiveName, id, ...command);
  }

  async endDetached(id: string): Promise<void> {
    await this.#ctr("tasks", "kill", "-s", "SIGKILL", id);
    await eventually(`end of task ${id}`, async () => /STOPPED/.test(await this.#ctr("tasks", "ls")));
    await this.#ctr("tasks", "rm", id);
    await this.#ctr("containers", "rm", id);
  }

  /** Ends a container; ctr calls the plugins and removes it. */
  async end(id: string): Promise<void> {
    const child = this.#running.get(id);
    this.#running.delete(id);
    await this.#ctr("tasks", "kill", "-s", "SIGKILL", id);
    await eventually(`end of ctr run ${id}`, () => child?.exitCode !== null);
    await this.#ctr("containers", "rm", id);
  }

  async stop(): Promise<void> {
    for (const id of [...this.#running.keys()]) await this.end(id);
    await end(this.#daemon, "SIGTERM");
    await endRemains(this.socket, this.#cgroup);
  }
}
