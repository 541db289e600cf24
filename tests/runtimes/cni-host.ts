// SPDX-License-Identifier: Apache-2.0
// A node of a sandbox on which runtimes call CNI plugins: folders of its own in place of the machine's.
import type { ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { sandboxPaths } from "../../apps/sandbox/index.ts";
import { collect, type Output, type Scenario } from "../scenarios/harness.ts";
import { NodeMounts, spawnLogged } from "./node-mounts.ts";

const root = join(import.meta.dirname, "../..");
const stock = "/usr/lib/cni";
const helpers = join(root, "tests/scenarios/helpers");

/** Folders that helpers need in a container, at the same paths. */
export const mountedFolders: readonly string[] = [root, dirname(dirname(process.execPath)), "/usr"];

/** The command of a helper of tests/scenarios in a container. */
export function helper(name: string, ...args: readonly string[]): string[] {
  return [process.execPath, join(helpers, name), ...args];
}

export class CniHost {
  readonly folder = mkdtempSync(join(tmpdir(), "cilium-cni-host-"));
  readonly networks = join(this.folder, "net.d");
  readonly #scenario: Scenario;
  readonly #node: string;
  #mounts: NodeMounts | undefined;

  private constructor(scenario: Scenario, node: string) {
    this.#scenario = scenario;
    this.#node = node;
  }

  static async start(scenario: Scenario, node: string): Promise<CniHost> {
    const host = new CniHost(scenario, node);
    const ours = join(host.folder, "plugins");
    for (const folder of [host.networks, ours]) mkdirSync(folder);
    symlinkSync(join(root, "bin/cilium-cni"), join(ours, "cilium-cni"));
    await host.#makeMounts(ours);
    return host;
  }

  /** ctr looks for networks and plugins in folders of the machine: here it sees ours there, and ours beside Debian's. */
  async #makeMounts(plugins: string): Promise<void> {
    const overlay = `mount -t overlay -o lowerdir="$1":${stock} overlay ${stock}`;
    const script = `mount --bind "$0" /etc/cni/net.d && ${overlay}`;
    this.#mounts = await NodeMounts.make(this.#scenario, this.#node, script, this.networks, plugins);
  }

  /** Our plugin's part of a network. */
  plugin(more: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const { socket, cniLog } = sandboxPaths(this.#scenario.name).node(this.#node);
    return { type: "cilium-cni", "agent-socket": socket, "log-file": cniLog, ...more };
  }

  /** Writes a network of that name in a folder. */
  writeNetwork(folder: string, name: string, plugins: readonly object[]): void {
    writeFileSync(join(folder, `10-${name}.conflist`), JSON.stringify({ cniVersion: "1.0.0", name, plugins }));
  }

  /** Starts a program of the node; its output goes to a file. */
  spawn(log: string, command: readonly string[]): ChildProcess {
    return spawnLogged(this.#command(command), this.folder, log);
  }

  /** Runs a command of the node to its end. */
  async run(command: readonly string[]): Promise<Output> {
    return await collect(this.#command(command));
  }

  /** As `run`, for what has to work; its stdout. */
  async must(command: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(command);
    if (code !== 0) throw new Error(`${command.join(" ")}: exit code ${code}: ${stderr}`);
    return stdout.trim();
  }

  #command(command: readonly string[]): ReturnType<NodeMounts["command"]> {
    if (this.#mounts === undefined) throw new Error(`Cannot run "${command[0]}": there are no mounts`);
    const spawn = this.#mounts.command(command);
    const env = { ...spawn.env, CONTAINERS_CONF: join(this.folder, "containers.conf") };
    return { ...spawn, env };
  }

  async stop(): Promise<void> {
    await this.#mounts?.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
