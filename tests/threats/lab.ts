// SPDX-License-Identifier: Apache-2.0
// A sandbox with an attacker in it: frames are sent as they are, and watchers tell which of them reached whom.
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { nodeCommand, podCommand, sandboxPaths, spawnIn } from "../../apps/sandbox/index.ts";
import type { IpOptions, Payload } from "../datapath/packet.ts";
import { ipFrame } from "../datapath/packet.ts";
import { clientPod, echoPod, Scenario } from "../scenarios/harness.ts";

export type PodName = "attacker" | "captive" | "friend" | "victim" | "remote";
type Spawn = Parameters<typeof spawnIn>[0];

/** A frame, and whom it has to reach: nobody, unless it is said. */
export interface Attempt {
  readonly frame: Uint8Array;
  readonly reaches?: PodName;
  /** By what it is known where it arrives; default: all behind the IP header's checksum. */
  readonly match?: Uint8Array;
}

const WATCHED: readonly PodName[] = ["friend", "victim", "remote"];
const ARRIVAL_MS = 30_000;
/** How long a frame gets that must not arrive. */
const SILENCE_MS = 80;

const policies = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: victim}
spec:
  endpointSelector: {matchLabels: {role: victim}}
  ingress:
    - fromEndpoints: [{matchLabels: {who: friend}}]
    - fromEndpoints: [{matchLabels: {who: attacker}}]
      toPorts: [{ports: [{port: "7000", protocol: TCP}, {port: "7000", protocol: UDP}]}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: captive}
spec:
  endpointSelector: {matchLabels: {who: captive}}
  egress: [{toEndpoints: [{matchLabels: {who: friend}}]}]
`;

export class Lab {
  readonly scenario: Scenario;
  readonly #folder: string;
  readonly #seen = new Map<PodName, string[]>();
  readonly #watchers: ChildProcess[] = [];

  private constructor(scenario: Scenario, folder: string) {
    this.scenario = scenario;
    this.#folder = folder;
  }

  /** Two nodes: attacker, captive, friend and victim on the first, remote on the second. Small conntrack maps. */
  static async create(): Promise<Lab> {
    const folder = mkdtempSync(join(tmpdir(), "threats-"));
    execFileSync("clang", ["-O2", "-o", join(folder, "frames"), join(import.meta.dirname, "helpers/frames.c")]);
    const lab = new Lab(await Scenario.create("threats", { settings: { "bpf-ct-global-tcp-max": "4096" } }), folder);
    try {
      await lab.#fill();
      return lab;
    } catch (error) {
      await lab.delete();
      throw error;
    }
  }

  async #fill(): Promise<void> {
    const clients = (["attacker", "captive", "friend"] as const).map((who) => clientPod(who, "node1", { who }));
    const victims = [echoPod("victim", "node1", { role: "victim" }), echoPod("remote", "node2", { role: "victim" })];
    await this.scenario.apply([...clients, ...victims].join(""));
    await this.scenario.apply(policies);
    await Promise.all(WATCHED.map((pod) => this.#watch(pod)));
  }

  async #watch(pod: PodName): Promise<void> {
    const seen: string[] = [];
    this.#seen.set(pod, seen);
    const child = spawnIn(this.#inPod(pod, ["watch", "eth0"]), { stdio: ["ignore", "pipe", "inherit"] });
    this.#watchers.push(child);
    if (child.stdout === null) throw new Error(`Cannot watch pod "${pod}"`);
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => seen.push(line));
    await new Promise((resolve) => lines.once("line", resolve));
  }

  #inPod(pod: PodName, command: readonly string[]): Spawn {
    return podCommand(this.scenario.sandbox, "default", pod, [join(this.#folder, "frames"), ...command]);
  }

  mac(pod: PodName): { own: string; gateway: string } {
    const { interfaces } = this.scenario.pod(pod).cniResult as { interfaces: { name: string; mac: string }[] };
    const own = interfaces.find(({ name }) => name === "eth0")?.mac;
    const gateway = interfaces.find(({ name }) => name.startsWith("lxc"))?.mac;
    if (own === undefined || gateway === undefined) throw new Error(`Pod "${pod}" has no MAC addresses`);
    return { own, gateway };
  }

  /** A frame from a pod to another one, by its gateway. */
  frame(from: PodName, to: PodName, family: 4 | 6, payload: Payload, rest: Partial<IpOptions> = {}): Uint8Array {
    const { own, gateway } = this.mac(from);
    const ip = { source: this.scenario.ip(from, family), destination: this.scenario.ip(to, family), ...rest };
    return ipFrame({ source: own, destination: gateway }, ip, payload);
  }

  /** Sends the frames from a pod; each has to reach whom it says and nobody else. */
  async send(from: PodName, attempts: readonly Attempt[]): Promise<void> {
    await this.#send(this.#inPod(from, ["send", "eth0"]), attempts);
  }

  /** Sends the frames from a device of the underlay's namespace. */
  async sendFromOutside(attempts: readonly Attempt[], device = "underlay"): Promise<void> {
    await this.#send(this.outside([join(this.#folder, "frames"), "send", device]), attempts);
  }

  /** A command in the namespace of the underlay, where the world is. */
  outside(command: readonly string[]): Spawn {
    const onNode = nodeCommand(this.scenario.sandbox, "node1", command);
    return { ...onNode, netns: sandboxPaths(this.scenario.name).underlayNetns };
  }

  async #send(spawn: Spawn, attempts: readonly Attempt[]): Promise<void> {
    for (const seen of this.#seen.values()) seen.length = 0;
    await run(spawn, attempts.map(({ frame }) => hex(frame)).join("\n"));
    const end = performance.now() + ARRIVAL_MS;
    const missing = () => attempts.filter(({ reaches }, i) => reaches && !this.#arrived(attempts, i).includes(reaches));
    while (missing().length > 0 && performance.now() < end) await sleep(10);
    await sleep(SILENCE_MS);
    assert.deepEqual(
      attempts.map((_, index) => this.#arrived(attempts, index)),
      attempts.map(({ reaches }) => (reaches === undefined ? [] : [reaches])),
      "whom each frame reached",
    );
  }

  #arrived(attempts: readonly Attempt[], index: number): PodName[] {
    const { frame, match } = attempts[index] as Attempt;
    const known = hex(match ?? frame.subarray(frame[12] === 0x86 ? 22 : 26));
    return WATCHED.filter((pod) => this.#seen.get(pod)?.some((line) => line.includes(known)));
  }

  /** Floods from a pod; gives the number of frames sent. */
  async flood(from: PodName, frame: Uint8Array, rate: number, seconds: number): Promise<number> {
    const command = ["flood", "eth0", String(rate), String(seconds)];
    return Number(await run(this.#inPod(from, command), hex(frame)));
  }

  /** Packets dropped on a node so far, by reason. */
  async drops(node: string): Promise<Map<string, number>> {
    const { stdout } = await this.scenario.onNode(node, ["cilium-dbg", "bpf", "metrics", "list", "-o", "json"]);
    const counts = new Map<string, number>();
    for (const { reason, packets } of JSON.parse(stdout) as { reason: string; packets: number }[]) {
      counts.set(reason, (counts.get(reason) ?? 0) + packets);
    }
    return counts;
  }

  /** Runs the attack; a node must have counted at least that many drops of each reason meanwhile. */
  async expectDrops(
    node: string,
    wanted: Readonly<Record<string, number>>,
    attack: () => Promise<void>,
  ): Promise<void> {
    const before = await this.drops(node);
    await attack();
    const after = await this.drops(node);
    for (const [reason, count] of Object.entries(wanted)) {
      const counted = (after.get(reason) ?? 0) - (before.get(reason) ?? 0);
      assert.ok(counted >= count, `${node} counted ${counted} drops "${reason}", not ${count}`);
    }
  }

  async delete(): Promise<void> {
    for (const watcher of this.#watchers) watcher.kill("SIGKILL");
    await this.scenario.delete();
    rmSync(this.#folder, { recursive: true });
  }
}

/** Runs a command with that input to its end; gives its output. */
export async function run(spawn: Spawn, input: string): Promise<string> {
  const child = spawnIn(spawn, { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  child.stdout?.on("data", (data: Buffer) => {
    output += data.toString();
  });
  const code = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
  child.stdin?.end(`${input}\n`);
  assert.equal(await code, 0, `${spawn.command.join(" ")} failed`);
  return output;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
