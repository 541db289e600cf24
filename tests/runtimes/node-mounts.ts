// SPDX-License-Identifier: Apache-2.0
// A mount namespace on a node of a sandbox: runtimes see folders of a test where the machine has its own.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { join } from "node:path";
import { nodeCommand, spawnIn } from "../../apps/sandbox/index.ts";
import type { Scenario } from "../scenarios/harness.ts";
import { end } from "./processes.ts";

/** It lasts until `end()`: a runtime that starts again finds the mounts of the one before. */
export class NodeMounts {
  readonly #scenario: Scenario;
  readonly #node: string;
  readonly #holder: ChildProcess;

  private constructor(scenario: Scenario, node: string, holder: ChildProcess) {
    this.#scenario = scenario;
    this.#node = node;
    this.#holder = holder;
  }

  /** Makes the mounts by a shell script, which gets `args` as $0, $1, …. */
  static async make(scenario: Scenario, node: string, script: string, ...args: readonly string[]): Promise<NodeMounts> {
    const shell = ["sh", "-c", `${script} && echo && exec sleep infinity`, ...args];
    const command = ["unshare", "--mount", "--propagation", "private", ...shell];
    const holder = spawnIn(nodeCommand(scenario.sandbox, node, command), { stdio: ["ignore", "pipe", "inherit"] });
    const mounts = new NodeMounts(scenario, node, holder);
    if (holder.stdout !== null) await once(holder.stdout, "data");
    return mounts;
  }

  /** What to spawn for a command in there. */
  command(command: readonly string[]): ReturnType<typeof nodeCommand> {
    const inMounts = ["nsenter", "-t", String(this.#holder.pid), "--mount", "--", ...command];
    return nodeCommand(this.#scenario.sandbox, this.#node, inMounts);
  }

  async end(): Promise<void> {
    await end(this.#holder, "SIGKILL");
  }
}

/** Starts a program; its output goes to the end of a file. */
export function spawnLogged(spawn: ReturnType<typeof nodeCommand>, folder: string, log: string): ChildProcess {
  const file = openSync(join(folder, log), "a");
  return spawnIn(spawn, { stdio: ["ignore", file, file] });
}
