// SPDX-License-Identifier: Apache-2.0
// What a node's monitor says about drops.
import { nodeCommand, spawnIn } from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import type { Scenario } from "../scenarios/harness.ts";

export class Drops implements Disposable {
  readonly #child: ReturnType<typeof spawnIn>;
  #text = "";
  #said = "";

  private constructor(scenario: Scenario, node: string) {
    const command = nodeCommand(scenario.sandbox, node, ["cilium-dbg", "monitor", "--type", "drop"]);
    this.#child = spawnIn(command, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout?.setEncoding("utf8").on("data", (part: string) => (this.#text += part));
    this.#child.stderr?.setEncoding("utf8").on("data", (part: string) => (this.#said += part));
  }

  /** Returns when the monitor listens. */
  static async watch(scenario: Scenario, node: string): Promise<Drops> {
    const drops = new Drops(scenario, node);
    await eventually("the monitor listens", () => /Press Ctrl-C/.test(drops.#said));
    return drops;
  }

  /** Until a drop between these addresses was told, with its explanation in the lines below it. */
  async between(source: string, target: string, explanation: RegExp): Promise<void> {
    const host = (ip: string) => (ip.includes(":") ? `[${ip}]` : ip);
    const told = () =>
      this.#text
        .split(/\n(?=\S)/)
        .some(
          (drop) => drop.includes(`${host(source)}:`) && drop.includes(`-> ${host(target)}:`) && explanation.test(drop),
        );
    await eventually(`a drop ${source} -> ${target} with ${explanation} in:\n${this.#text}`, told);
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}
