// SPDX-License-Identifier: Apache-2.0
// A real sandbox for a scenario, and workloads that ask each other questions in it.
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import {
  applyObjects,
  type CreateOptions,
  checkManifests,
  createSandbox,
  deleteSandbox,
  findPod,
  killAgent,
  loadPods,
  nodeCommand,
  type PodRecord,
  podCommand,
  removeObjects,
  type Sandbox,
  sandboxPaths,
  spawnIn,
  startAgent,
  waitForAgent,
} from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import type { HoldReport } from "./helpers/hold.ts";
import type { Probe } from "./helpers/probe.ts";
import type { StreamReport } from "./helpers/stream.ts";

type Spawn = Parameters<typeof spawnIn>[0];

const helpers = join(import.meta.dirname, "helpers");

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that prints something when its traffic flows, and by its end a report as JSON. */
export interface Reporter<Report> {
  readonly flowing: Promise<void>;
  /** Ends it, and tells its report. */
  readonly stop: () => Promise<Report>;
}

/** Settings of a scenario that counts endpoints, addresses or mounts. */
export const noHealthEndpoints = { "enable-endpoint-health-checking": "false" } as const;

/** What a scenario does with its sandbox. */
export class Scenario {
  readonly sandbox: Sandbox;

  private constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
  }

  /** Makes a sandbox whose name no other run has. */
  static async create(name: string, options: Omit<CreateOptions, "name"> = {}): Promise<Scenario> {
    return new Scenario(await createSandbox({ ...options, name: scenarioName(name) }));
  }

  get name(): string {
    return this.sandbox.name;
  }

  async apply(manifests: string): Promise<void> {
    await applyObjects(this.name, checkManifests(manifests, "scenario"));
  }

  async remove(manifests: string): Promise<void> {
    await removeObjects(this.name, checkManifests(manifests, "scenario"));
  }

  pod(name: string): PodRecord {
    return findPod(this.sandbox, "default", name);
  }

  pods(): PodRecord[] {
    return loadPods(this.sandbox);
  }

  /** The pod's address of a family. */
  ip(pod: string, family: 4 | 6): string {
    const ip = this.pod(pod).ips.find((ip) => ip.includes(":") === (family === 6));
    if (ip === undefined) throw new Error(`Pod "${pod}" has no IPv${family} address`);
    return ip;
  }

  /** Asks all questions at once from a pod. */
  async probe(pod: string, probes: readonly Probe[]): Promise<boolean[]> {
    return await probeFrom(podCommand(this.sandbox, "default", pod, probeCommand(probes)));
  }

  /** Asks from a node's own namespace. */
  async probeFromNode(node: string, probes: readonly Probe[]): Promise<boolean[]> {
    return await probeFrom(nodeCommand(this.sandbox, node, probeCommand(probes)));
  }

  /** Asks from the underlay: the outside world. */
  async probeFromOutside(probes: readonly Probe[]): Promise<boolean[]> {
    const onNode = nodeCommand(this.sandbox, "node1", probeCommand(probes));
    return await probeFrom({ ...onNode, netns: sandboxPaths(this.name).underlayNetns });
  }

  async exec(pod: string, command: readonly string[]): Promise<Output> {
    return await collect(podCommand(this.sandbox, "default", pod, command));
  }

  async onNode(node: string, command: readonly string[]): Promise<Output> {
    return await collect(nodeCommand(this.sandbox, node, command));
  }

  /**
   * Starts steady traffic from a pod to an address; `stop()` ends it and tells what got lost. `flowing` resolves when
   * its connection is there.
   */
  stream(pod: string, ip: string): Reporter<StreamReport> {
    const command = [process.execPath, join(helpers, "stream.ts"), ip];
    return startReporter<StreamReport>(podCommand(this.sandbox, "default", pod, command));
  }

  /** Opens a connection from a pod to an echo pod's address; `stop()` asks once more over it. */
  hold(pod: string, ip: string): Reporter<HoldReport> {
    const command = [process.execPath, join(helpers, "hold.ts"), ip];
    return startReporter<HoldReport>(podCommand(this.sandbox, "default", pod, command));
  }

  /** Ends agents without a chance to tidy up, and starts them with more settings than those of the sandbox. */
  async restart(settings: Readonly<Record<string, string>>, names?: readonly string[]): Promise<void> {
    const sandbox = { ...this.sandbox, settings: { ...this.sandbox.settings, ...settings } };
    const nodes = sandbox.nodes.filter(({ name }) => names?.includes(name) ?? true);
    for (const node of nodes) await killAgent(sandbox, node);
    for (const node of nodes) startAgent(sandbox, node);
    await Promise.all(nodes.map((node) => waitForAgent(sandbox, node)));
  }

  /** Until the programs of all pods and health endpoints have their links: endpoints begin without. */
  async linked(): Promise<void> {
    const endpoints = (node: string) => join(sandboxPaths(this.name).node(node).bpf, "cilium/endpoints");
    const isLinked = (folder: string) => readdirSync(join(folder, "links")).length === 2;
    const links = (folder: string) =>
      existsSync(folder) ? readdirSync(folder).filter((id) => isLinked(join(folder, id))) : [];
    const health = "enable-endpoint-health-checking" in this.sandbox.settings ? 0 : this.sandbox.nodes.length;
    const expected = () => this.pods().length + health;
    const linked = () => this.sandbox.nodes.flatMap(({ name }) => links(endpoints(name))).length;
    await eventually("links of all endpoints", () => linked() === expected());
  }

  async delete(): Promise<void> {
    await deleteSandbox(this.name);
  }
}

/** Up to 20 characters, different in each run. */
export function scenarioName(name: string): string {
  return `t-${name}-${process.pid}`.slice(0, 20);
}

/** Starts a program that reports. */
export function startReporter<Report>(spawn: Spawn): Reporter<Report> {
  const child = spawnIn(spawn, { stdio: ["ignore", "pipe", "inherit"] });
  const flowing = Promise.withResolvers<void>();
  const ended = once(child, "close");
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (data: string) => {
    output += data;
    flowing.resolve();
  });
  return {
    flowing: flowing.promise,
    stop: async () => {
      child.kill("SIGTERM");
      await ended;
      return JSON.parse(output) as Report;
    },
  };
}

const probeCommand = (probes: readonly Probe[]): string[] => [
  process.execPath,
  join(helpers, "probe.ts"),
  JSON.stringify(probes),
];

async function probeFrom(spawn: Spawn): Promise<boolean[]> {
  const { code, stdout, stderr } = await collect(spawn);
  if (code !== 0) throw new Error(`Cannot probe: exit code ${code}: ${stderr}`);
  return JSON.parse(stdout) as boolean[];
}

/** Runs a command to its end, at most `limit` ms. */
export async function collect(spawn: Spawn, limit = 120_000): Promise<Output> {
  const child = spawnIn(spawn, { stdio: ["ignore", "pipe", "pipe"] });
  const timer = setTimeout(() => child.kill("SIGKILL"), limit);
  const exit = new Promise<number>((resolve, reject) => {
    child.once("error", reject).once("exit", (code, signal) => resolve(code ?? (signal === null ? 1 : 137)));
  });
  const [code, stdout, stderr] = await Promise.all([exit, read(child.stdout), read(child.stderr)]);
  clearTimeout(timer);
  return { code, stdout, stderr };
}

const read = async (stream: NodeJS.ReadableStream | null): Promise<string> =>
  stream === null ? "" : await text(stream);

/** Pod that sleeps; a client. */
export function clientPod(name: string, node: string, labels: Readonly<Record<string, string>>): string {
  return podManifest(name, node, labels, ["sleep", "infinity"]);
}

/** Pod that answers on TCP and UDP 7000 and 7001. */
export function echoPod(name: string, node: string, labels: Readonly<Record<string, string>>): string {
  return podManifest(name, node, labels, [process.execPath, join(helpers, "echo.ts")], 7001);
}

function podManifest(
  name: string,
  node: string,
  labels: Readonly<Record<string, string>>,
  command: readonly string[],
  port?: number,
): string {
  const probe = port === undefined ? {} : { readinessProbe: { tcpSocket: { port } } };
  const spec = { nodeName: node, terminationGracePeriodSeconds: 0, containers: [{ name: "main", command, ...probe }] };
  return `---\n${JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name, labels }, spec })}\n`;
}
