// SPDX-License-Identifier: Apache-2.0
// What watching costs: every packet reported and none lost uncounted, and throughput at the default aggregation.
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import {
  agentClient,
  applyObjects,
  checkManifests,
  createSandbox,
  deleteSandbox,
  findPod,
  nodeOf,
  type Sandbox,
  sandboxPaths,
} from "../apps/sandbox/index.ts";
import { readMonitor } from "../src/api/index.ts";
import { agentPid, cpuTicks } from "./agent-process.ts";
import type { Path } from "./datapath/topologies.ts";
import { Traffic } from "./datapath/traffic.ts";
import { type Benchmark, type Figures, inTurn, median, pairedRatio, ratio, row } from "./harness.ts";

export const bench: Benchmark = {
  name: "monitor",
  description: "100,000 packets/s with every one reported: loss and processor time; cost at the default aggregation",
  run,
};

const execute = promisify(execFile);
const nodeName = "node1";
const port = "7002";
const rate = 100_000;
const seconds = 4;
const rounds = 5;

async function run(progress: (line: string) => void): Promise<Figures> {
  const name = `bench-mo-${process.pid % 100000}`;
  try {
    const sandbox = await createSandbox({ name, nodes: 1 });
    await applyObjects(name, checkManifests(manifests, "benchmark"));
    const netns = (pod: string) => sandboxPaths(name).pod("default", pod).netns;
    const address = findPod(sandbox, "default", "server").ips.find((ip) => !ip.includes(":")) ?? "";
    const path = { client: netns("client"), server: netns("server"), address };
    using flood = new Flood(path);
    await configure(sandbox, { MonitorAggregationLevel: "None" });
    const flow = await watched(sandbox, () => flood.send(1000, 1));
    // A flow costs the same number of events for each packet, and a few for its beginning.
    const perPacket = Math.round(flow.seen / flow.packets);
    progress(`aggregation none, ${perPacket} events a packet`);
    const watch: Watched[] = [];
    const unwatched: number[] = [];
    for (let i = 0; i < rounds; i++) {
      watch.push(await watched(sandbox, () => flood.send(rate, seconds)));
      unwatched.push((await cpuOf(sandbox, () => flood.send(rate, seconds))).percent);
    }
    progress("throughput at medium, and without events");
    const speed = await throughput(sandbox, path);
    const uncounted = watch.map(({ seen, packets }) => packets * perPacket - seen);
    const cpu = watch.map(({ percent }) => percent);
    const none = `${rate} packets/s, aggregation none`;
    return {
      rows: [
        row(
          none,
          "events",
          "1/s",
          watch.map(({ seen, took }) => seen / took),
        ),
        row(
          none,
          "of them lost",
          "%",
          watch.map(({ seen, lost }) => (100 * lost) / seen),
        ),
        row(none, "not counted", "events", uncounted),
        row(none, "agent, one listener", "% of a core", cpu),
        row(none, "agent, no listener", "% of a core", unwatched),
        ...(["medium", "no events"] as const).flatMap((variant) => [
          row("TCP request/response", variant, "round trips/s", speed.roundTrips[variant]),
          row("TCP bulk, one connection", variant, "Gbit/s", speed.bulk[variant]),
        ]),
      ],
      ratios: [
        ratio("events neither seen nor counted as lost, at most", Math.max(...uncounted.map(Math.abs)), "at most", 0),
        ratio("agent with a listener, % of a core", median(cpu), "at most", 100),
        ratio("agent without listeners, % of a core", median(unwatched), "at most", 100),
        ratio("request/response: medium / no events", compared(speed.roundTrips), "at least", 0.97),
        ratio("bulk: medium / no events", compared(speed.bulk), "at least", 0.97),
      ],
    };
  } finally {
    await deleteSandbox(name);
  }
}

const compared = (samples: Readonly<Record<"medium" | "no events", readonly number[]>>): number =>
  pairedRatio(samples.medium, samples["no events"]);

interface Sent {
  readonly packets: number;
  /** Seconds. */
  readonly took: number;
}

interface Watched extends Sent {
  /** Events received, and those that were reported lost. */
  readonly seen: number;
  readonly lost: number;
  readonly percent: number;
}

/** The programs that send and receive. */
class Flood implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "bench-udp-"));
  readonly #program = join(this.#folder, "udp");
  readonly #path: Path;
  readonly #sink: ChildProcess;

  constructor(path: Path) {
    this.#path = path;
    execFileSync("clang", ["-O2", "-Wall", "-o", this.#program, join(import.meta.dirname, "monitor/udp.c")]);
    const command = [`--net=${path.server}`, this.#program, "sink", path.address, port];
    this.#sink = spawn("nsenter", command, { stdio: "ignore" });
  }

  async send(packetsPerSecond: number, length: number): Promise<Sent> {
    const numbers = [String(packetsPerSecond), String(length)];
    const command = [`--net=${this.#path.client}`, this.#program, "send", this.#path.address, port, ...numbers];
    const before = this.#dropped();
    const { stdout, stderr } = await execute("nsenter", command, { timeout: 60_000 });
    return { packets: Number(stdout) - (this.#dropped() - before), took: Number(stderr) };
  }

  /** Packets that the pod's device could not hand over (the CPU's backlog was full): no program ever saw them. */
  #dropped(): number {
    const devices = execFileSync("nsenter", [`--net=${this.#path.client}`, "cat", "/proc/net/dev"], {
      encoding: "utf8",
    });
    return Number(/^ *eth0:(.*)$/m.exec(devices)?.[1]?.trim().split(/ +/)[11]);
  }

  [Symbol.dispose](): void {
    this.#sink.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true });
  }
}

/** Events on the monitor's socket that a burst makes. */
async function watched(sandbox: Sandbox, burst: () => Promise<Sent>): Promise<Watched> {
  const stop = new AbortController();
  const socket = sandboxPaths(sandbox.name).node(nodeName).monitorSocket;
  let seen = 0;
  let lost = 0;
  const reading = (async () => {
    for await (const records of readMonitor(socket, stop.signal)) {
      for (const record of records) {
        lost += record.lost;
        // Traces of UDP packets to our port, however many; other traffic is none of ours.
        seen += record.type === lostType ? record.lost : isOurs(record.data) ? 1 : 0;
      }
    }
  })();
  await sleep(300);
  const result = await cpuOf(sandbox, burst);
  for (let before = -1; before !== seen; await sleep(300)) before = seen;
  stop.abort();
  await reading;
  return { ...result, seen, lost };
}

const lostType = 2;
const udpPort = Buffer.from([Number(port) >> 8, Number(port) & 255]);

/** Trace notifications (4) with a captured packet to our port. */
function isOurs(data: Uint8Array): boolean {
  return data[0] === 4 && Buffer.from(data.buffer, data.byteOffset, data.byteLength).includes(udpPort, 48);
}

/** Runs `action`; the agent's processor time in it, % of a core. */
async function cpuOf(sandbox: Sandbox, action: () => Promise<Sent>): Promise<Sent & { readonly percent: number }> {
  const ticks = () => cpuTicks(agentPid(sandbox, nodeName));
  const before = ticks();
  const start = performance.now();
  const sent = await action();
  // Ticks are 10 ms.
  return { ...sent, percent: ((ticks() - before) * 1000) / (performance.now() - start) };
}

async function throughput(sandbox: Sandbox, path: Path) {
  using traffic = new Traffic();
  traffic.serve(path);
  await sleep(500);
  const word = (on: boolean) => (on ? "Enabled" : "Disabled");
  const events = (on: boolean) =>
    configure(sandbox, {
      MonitorAggregationLevel: "Medium",
      TraceNotification: word(on),
      DropNotification: word(on),
      PolicyVerdictNotification: word(on),
    });
  const variants = (measure: () => Promise<number>) => ({
    medium: async () => {
      await events(true);
      return await measure();
    },
    "no events": async () => {
      await events(false);
      return await measure();
    },
  });
  return {
    roundTrips: await inTurn(
      variants(() => traffic.roundTrips(path)),
      11,
    ),
    bulk: await inTurn(
      variants(() => traffic.bulk(path)),
      7,
    ),
  };
}

async function configure(sandbox: Sandbox, options: Readonly<Record<string, string>>): Promise<void> {
  await agentClient(sandbox, nodeOf(sandbox, nodeName)).patchConfig({ options });
}

const manifests = `apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec: {nodeName: node1, containers: [{name: main, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: server, labels: {app: server}}
spec: {nodeName: node1, containers: [{name: main, command: [sleep, infinity]}]}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: servers}
spec:
  endpointSelector: {matchLabels: {app: server}}
  ingress: [{fromEndpoints: [{matchLabels: {app: client}}]}]
`;
