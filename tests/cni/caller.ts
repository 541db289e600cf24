// SPDX-License-Identifier: Apache-2.0
// Calls plugins on a sandbox's node as a runtime does, for containers that are network namespaces.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { nodeCommand, sandboxPaths, spawnIn } from "../../apps/sandbox/index.ts";
import { createNetns, deleteNetns } from "../../src/kernel/index.ts";
import type { Scenario } from "../scenarios/harness.ts";

export type Json = Readonly<Record<string, unknown>>;

export interface Container {
  readonly id: string;
  readonly netns: string;
}

/** What a plugin printed; empty for nothing. */
export interface Answer {
  readonly cniVersion?: string;
  readonly supportedVersions?: readonly string[];
  readonly code?: number;
  readonly msg?: string;
  readonly details?: string;
  readonly interfaces?: readonly { name: string; mac?: string; sandbox?: string; mtu?: number }[];
  readonly ips?: readonly { address: string; gateway?: string; version?: string; interface?: number }[];
  readonly routes?: readonly { dst: string; gw?: string; mtu?: number }[];
  readonly dns?: Json;
}

const ours = join(import.meta.dirname, "../../bin/cilium-cni");

export class Caller {
  readonly #scenario: Scenario;
  readonly #netns: string[] = [];

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  /** A container without network. */
  container(): Container {
    const id = randomBytes(8).toString("hex");
    const netns = `/run/netns/${this.#scenario.name}-${id}`;
    createNetns(netns).close();
    this.#netns.push(netns);
    return { id, netns };
  }

  /** The agent's socket. */
  get socket(): string {
    return sandboxPaths(this.#scenario.name).node("node1").socket;
  }

  /** Calls our plugin, or another one; `config` and `env` go over what is right for `container`. */
  async call(
    command: string,
    container: Container,
    config: Json | string = {},
    env: Readonly<Record<string, string>> = {},
    plugin = ours,
  ): Promise<Answer> {
    const base = nodeCommand(this.#scenario.sandbox, "node1", [plugin]);
    const variables = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: container.id,
      CNI_NETNS: container.netns,
      CNI_IFNAME: "eth0",
      CNI_PATH: "/usr/lib/cni",
    };
    const child = spawnIn(
      { ...base, env: { ...base.env, ...variables, ...env } },
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    const whole = { cniVersion: "1.1.0", name: "net", type: "cilium-cni", "agent-socket": this.socket };
    // A plugin that has seen enough of it closes its end.
    child.stdin?.on("error", () => child.stdin?.destroy());
    child.stdin?.end(typeof config === "string" ? config : JSON.stringify({ ...whole, ...config }));
    const [output] = await Promise.all([child.stdout === null ? "" : text(child.stdout), once(child, "close")]);
    const answer = output.trim() === "" ? {} : (JSON.parse(output) as Answer);
    if ((child.exitCode === 0) !== (answer.code === undefined)) {
      throw new Error(`${command}: exit code ${child.exitCode} with ${output || "no output"}`);
    }
    return answer;
  }

  /** Removes the containers' namespaces. */
  stop(): void {
    for (const netns of this.#netns) deleteNetns(netns);
  }
}
