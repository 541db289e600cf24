// SPDX-License-Identifier: Apache-2.0
// Calls CNI plugins as a runtime does, and keeps the containers' namespaces that it made for them.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Sandbox, sandboxPaths } from "../../apps/sandbox/index.ts";
import { withNetns } from "../../src/kernel/index.ts";

/** A plugin with its configuration, called in a host's namespace. */
export interface Plugin {
  readonly binary: string;
  /** Path of the host's namespace. */
  readonly host: string;
  readonly configuration: Readonly<Record<string, unknown>>;
}

const stockPlugins = "/usr/lib/cni";
const ourPlugin = join(import.meta.dirname, "../../bin/cilium-cni");

/** Ours, on a node of a sandbox. */
export function ours(sandbox: Sandbox, node: string): Plugin {
  const { netns, socket, cniLog } = sandboxPaths(sandbox.name).node(node);
  const configuration = { type: "cilium-cni", "agent-socket": socket, "log-file": cniLog };
  return { binary: ourPlugin, host: netns, configuration: { ...common, ...configuration } };
}

/** The stock bridge plugin with host-local, which keeps its leases in `dataDir`. */
export function bridge(
  host: string,
  options: { name: string; subnet: string; ipMasq: boolean; dataDir: string },
): Plugin {
  const { name, subnet, ipMasq, dataDir } = options;
  const ipam = { type: "host-local", subnet, dataDir };
  const configuration = { type: "bridge", bridge: name, isGateway: true, ipMasq, ipam };
  return { binary: join(stockPlugins, "bridge"), host, configuration: { ...common, name, ...configuration } };
}

const common = { cniVersion: "1.0.0", name: "bench" };

/** Namespaces, and what is attached in them; dispose removes the namespaces. */
export class Attachments implements Disposable {
  readonly #names: string[] = [];
  readonly #folders: string[] = [];
  #next = 0;

  /** A new namespace, by path. */
  namespace(): string {
    const name = `bench-cni-${process.pid}-${this.#next++}`;
    execFileSync("ip", ["netns", "add", name]);
    this.#names.push(name);
    return `/run/netns/${name}`;
  }

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), "bench-cni-"));
    this.#folders.push(folder);
    return folder;
  }

  /** ADD in a new namespace; milliseconds that it took, and the namespace for `call`. */
  add(plugin: Plugin): { readonly ms: number; readonly netns: string } {
    const netns = this.namespace();
    return { ms: call(plugin, "ADD", netns), netns };
  }

  /** DEL of everything that is left, then the namespaces. */
  removeAll(plugin: Plugin): void {
    for (const name of this.#names) call(plugin, "DEL", `/run/netns/${name}`);
  }

  [Symbol.dispose](): void {
    for (const name of this.#names) execFileSync("ip", ["netns", "del", name]);
    for (const folder of this.#folders) rmSync(folder, { recursive: true });
  }
}

/** Runs a command; milliseconds. Throws with the plugin's words when it fails. */
export function call(plugin: Plugin, command: "ADD" | "DEL", netns: string): number {
  const { input, env } = invocation(plugin, command, netns);
  return withNetns(plugin.host, () => {
    const start = performance.now();
    const { status, stdout, stderr } = spawnSync(plugin.binary, { input, env, encoding: "utf8" });
    const ms = performance.now() - start;
    if (status !== 0) throw new Error(`Cannot ${command} with ${plugin.binary}: ${stdout}${stderr}`);
    return ms;
  });
}

/** A pod, as a runtime names it. */
export interface NamedPod {
  readonly namespace: string;
  readonly name: string;
}

/** The same without waiting for it; rejects when it fails. */
export function callLater(plugin: Plugin, command: "ADD" | "DEL", netns: string, pod?: NamedPod): Promise<number> {
  const { input, env: common } = invocation(plugin, command, netns);
  const env = pod === undefined ? common : { ...common, CNI_ARGS: argumentsOf(pod) };
  const start = performance.now();
  const child = withNetns(plugin.host, () => spawn(plugin.binary, { env, stdio: ["pipe", "pipe", "inherit"] }));
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(performance.now() - start);
      else reject(new Error(`Cannot ${command} with ${plugin.binary}: ${output}`));
    });
  });
}

function argumentsOf({ namespace, name }: NamedPod): string {
  return `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name}`;
}

function invocation({ configuration }: Plugin, command: string, netns: string) {
  const env = {
    PATH: process.env.PATH,
    CNI_COMMAND: command,
    CNI_CONTAINERID: netns.slice(netns.lastIndexOf("/") + 1),
    CNI_NETNS: netns,
    CNI_IFNAME: "eth0",
    CNI_PATH: stockPlugins,
  };
  return { input: JSON.stringify(configuration), env };
}
