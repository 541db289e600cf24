// SPDX-License-Identifier: Apache-2.0
// What the agents' monitors tell about drops while the calls are made.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { projectRoot, runPath, sandboxPaths } from "../paths.ts";
import type { Sandbox } from "../types.ts";
import { waitFor } from "../wait.ts";
import type { Cell } from "./calls.ts";

/** A drop as `cilium-dbg monitor --type drop` printed it: its line, and the lines below it that explain it. */
export interface Drop {
  readonly node: string;
  readonly line: string;
  readonly details: readonly string[];
}

/** Watches the drops of all nodes until it is disposed. */
export class DropWatch implements Disposable {
  readonly #drops: (Drop & { readonly details: string[] })[] = [];
  readonly #monitors: ChildProcess[] = [];

  /** Returns when every monitor listens. Throws with a monitor's own words when one does not. */
  static async start(sandbox: Sandbox): Promise<DropWatch> {
    const watch = new DropWatch();
    await Promise.all(sandbox.nodes.map((node) => watch.#follow(sandbox, node.name)));
    return watch;
  }

  async #follow(sandbox: Sandbox, node: string): Promise<void> {
    const { socket } = sandboxPaths(sandbox.name).node(node);
    const monitor = spawn(join(projectRoot, "bin/cilium-dbg"), ["monitor", "--type", "drop"], {
      env: { PATH: runPath, CILIUM_SOCK: socket },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#monitors.push(monitor);
    let said = "";
    monitor.stderr.setEncoding("utf8").on("data", (part: string) => {
      said += part;
    });
    this.#collect(monitor.stdout, node);
    const listening = await waitFor(() => /Press Ctrl-C/.test(said) || monitor.exitCode !== null, 10_000);
    if (!listening || monitor.exitCode !== null)
      throw new Error(`Cannot watch drops on ${node}: ${said.trim() || "no answer"}`);
  }

  #collect(stdout: NodeJS.ReadableStream, node: string): void {
    let rest = "";
    stdout.setEncoding("utf8").on("data", (part: string) => {
      const lines = (rest + part).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#take(node, line);
    });
  }

  /** Details are indented. */
  #take(node: string, line: string): void {
    if (!/^\s/.test(line)) this.#drops.push({ node, line, details: [] });
    else this.#drops.findLast((drop) => drop.node === node)?.details.push(line.trim());
  }

  /** The first drop of the cell's packets that names its policy, if one was reported. */
  find(cell: Cell, policy: string): Drop | undefined {
    return this.#drops.find(
      ({ line, details }) =>
        isDropOf(line, cell.sourceIp, cell.targetIp) && details.some((detail) => detail.includes(policy)),
    );
  }

  [Symbol.dispose](): void {
    for (const monitor of this.#monitors) monitor.kill("SIGKILL");
  }
}

/** Whether the line is a drop of a packet from `source` to port 80 of `target`. Exported for its test. */
export function isDropOf(line: string, source: string, target: string): boolean {
  const host = (ip: string) => (ip.includes(":") ? `[${ip}]` : ip);
  return /\bdrop\b/.test(line) && line.includes(` ${host(source)}:`) && line.includes(` -> ${host(target)}:80 `);
}
