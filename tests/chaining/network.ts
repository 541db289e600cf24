// SPDX-License-Identifier: Apache-2.0
// A CNI network of a sandbox's node: runs a list of plugins for containers as libcni does, our plugin among Debian's.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { nodeCommand, sandboxPaths, spawnIn } from "../../apps/sandbox/index.ts";
import { createNetns, deleteNetns, writeSysctl } from "../../src/kernel/index.ts";
import type { Scenario } from "../scenarios/harness.ts";

type Json = Readonly<Record<string, unknown>>;
type Command = "ADD" | "CHECK" | "DEL";

/** The part of a result that tests look at. */
export interface Result {
  readonly cniVersion?: string;
  readonly interfaces?: readonly { readonly name: string; readonly mac?: string; readonly sandbox?: string }[];
  readonly ips?: readonly { readonly address: string; readonly gateway?: string }[];
}

export interface NetworkList {
  readonly cniVersion?: string;
  readonly name: string;
  readonly plugins: readonly Json[];
}

/** A container: a network namespace, and the pod that it is for the agent. */
export interface Container {
  readonly id: string;
  readonly netns: string;
  readonly pod: string;
  readonly ips: readonly string[];
  readonly result: Result;
}

const binaries = (type: string): string =>
  type === "cilium-cni" ? join(import.meta.dirname, "../../bin/cilium-cni") : `/usr/lib/cni/${type}`;

export class Network {
  readonly #scenario: Scenario;
  readonly #node: string;
  readonly #list: NetworkList;
  readonly #containers: Container[] = [];

  constructor(scenario: Scenario, node: string, list: NetworkList) {
    this.#scenario = scenario;
    this.#node = node;
    this.#list = list;
  }

  /** Makes a container whose Pod object, of namespace default, the node's agent knows. */
  async add(pod: string, labels: Readonly<Record<string, string>>): Promise<Container> {
    const object = { apiVersion: "v1", kind: "Pod", metadata: { name: pod, namespace: "default", labels }, spec: {} };
    const { staticResources } = sandboxPaths(this.#scenario.name).node(this.#node);
    writeFileSync(join(staticResources, `container-${pod}.json`), JSON.stringify(object));
    const id = randomBytes(16).toString("hex");
    const netns = `/run/netns/${this.#scenario.name}-${pod}`;
    createNetns(netns).close();
    // The plugins wait for the end of the detection.
    writeSysctl("net/ipv6/conf/default/accept_dad", 0, netns);
    const bare = { id, netns, pod, ips: [], result: {} };
    this.#containers.push(bare);
    let result: Result = {};
    for (const plugin of this.#list.plugins) result = await this.#call("ADD", plugin, bare, result);
    const ips = (result.ips ?? []).map(({ address }) => address.split("/")[0] ?? "");
    const container = { ...bare, ips, result };
    this.#containers.splice(-1, 1, container);
    return container;
  }

  async check(container: Container): Promise<void> {
    for (const plugin of this.#list.plugins) await this.#call("CHECK", plugin, container, container.result);
  }

  /** In reverse order, each plugin with the whole result. The namespace goes too. */
  async delete(container: Container): Promise<void> {
    for (const plugin of this.#list.plugins.toReversed()) await this.#call("DEL", plugin, container, container.result);
    deleteNetns(container.netns);
    this.#containers.splice(this.#containers.indexOf(container), 1);
  }

  async deleteAll(): Promise<void> {
    for (const container of [...this.#containers]) await this.delete(container);
  }

  /** Removes the namespaces that a test which failed left; the rest goes with the node. */
  stop(): void {
    for (const { netns } of this.#containers) deleteNetns(netns);
  }

  /** What to spawn for a command in a container. */
  command(container: Container, command: readonly string[]): ReturnType<typeof nodeCommand> {
    return { ...nodeCommand(this.#scenario.sandbox, this.#node, command), netns: container.netns };
  }

  async #call(command: Command, plugin: Json, container: Container, prevResult: Result): Promise<Result> {
    const type = String(plugin["type"]);
    const base = nodeCommand(this.#scenario.sandbox, this.#node, [binaries(type)]);
    const env = {
      ...base.env,
      CNI_COMMAND: command,
      CNI_CONTAINERID: container.id,
      CNI_NETNS: container.netns,
      CNI_IFNAME: "eth0",
      CNI_PATH: "/usr/lib/cni",
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${container.pod}`,
    };
    const child = spawnIn({ ...base, env }, { stdio: ["pipe", "pipe", "inherit"] });
    const { cniVersion = "1.0.0", name } = this.#list;
    const known = Object.keys(prevResult).length === 0 ? {} : { prevResult };
    child.stdin?.end(JSON.stringify({ cniVersion, name, ...plugin, ...known }));
    const [output] = await Promise.all([child.stdout === null ? "" : text(child.stdout), once(child, "close")]);
    if (child.exitCode !== 0) throw new Error(`${type} ${command} for ${container.pod}: ${output}`);
    return output.trim() === "" ? {} : (JSON.parse(output) as Result);
  }
}

/** Our plugin behind others. */
export function ciliumPlugin(scenario: Scenario, node: string, more: Json = {}): Json {
  const { socket, cniLog } = sandboxPaths(scenario.name).node(node);
  return { type: "cilium-cni", "agent-socket": socket, "log-file": cniLog, ...more };
}
