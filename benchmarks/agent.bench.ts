import { setTimeout as sleep } from "node:timers/promises";
import {
  agentClient,
  createSandbox,
  deleteSandbox,
  killAgent,
  nodeOf,
  type Sandbox,
  startAgent,
} from "../apps/sandbox/index.ts";
import { agentPid, cpuTicks, residentMegabytes } from "./agent-process.ts";
import { Attachments, ours } from "./cni/attachments.ts";
import { type Benchmark, type Figures, median, ratio, row } from "./harness.ts";

export const bench: Benchmark = {
  name: "agent",
  description: "memory, start and idle cost of an agent with 100 endpoints",
  run,
};

const endpoints = 100;
const restarts = 5;
const idleSeconds = 20;
const settle = 12_000;
const nodeName = "node1";

async function run(progress: (line: string) => void): Promise<Figures> {
  const name = `bench-ag-${process.pid % 100000}`;
  try {
    const sandbox = await createSandbox({ name, nodes: 1 });
    using attachments = new Attachments();
    const plugin = ours(sandbox, nodeName);
    progress(`${endpoints} endpoints`);
    for (let i = 0; i < endpoints; i++) attachments.add(plugin);
    progress("memory, idle");
    await sleep(settle);
    const before = residentMegabytes(agentPid(sandbox, nodeName));
    const idle = await idlePercent(sandbox);
    progress("restarts");
    const ready: number[] = [];
    const memory: number[] = [];
    for (let i = 0; i < restarts; i++) {
      ready.push(await restart(sandbox));
      await sleep(3000);
      memory.push(residentMegabytes(agentPid(sandbox, nodeName)));
    }
    // V8 has compiled what is hot by then.
    await sleep(settle);
    const idleAfter = await idlePercent(sandbox);
    attachments.removeAll(plugin);
    const percent = "% of a core";
    return {
      rows: [
        row(`RSS, ${endpoints} endpoints`, "after their ADDs", "MB", [before]),
        row(`RSS, ${endpoints} endpoints`, "after a restart", "MB", memory),
        row(`kill -9 to ready, ${endpoints} endpoints`, "agent", "ms", ready),
        row(`idle, ${endpoints} endpoints`, "after their ADDs", percent, [idle]),
        row(`idle, ${endpoints} endpoints`, "after a restart", percent, [idleAfter]),
      ],
      ratios: [
        ratio("RSS after the ADDs, MB", before, "at most", 120),
        ratio("RSS after a restart, MB", median(memory), "at most", 120),
        ratio("start to ready, ms", median(ready), "at most", 1000),
        ratio("idle, % of a core", Math.max(idle, idleAfter), "at most", 0.5),
      ],
    };
  } finally {
    await deleteSandbox(name);
  }
}

/** Milliseconds from start to "Ok". */
async function restart(sandbox: Sandbox): Promise<number> {
  const node = nodeOf(sandbox, nodeName);
  await killAgent(sandbox, node);
  const client = agentClient(sandbox, node);
  const start = performance.now();
  startAgent(sandbox, node);
  for (;;) {
    const state = await client.healthz({ brief: true }).then(
      ({ cilium }) => cilium.state,
      () => "no answer",
    );
    const elapsed = performance.now() - start;
    if (state === "Ok") return elapsed;
    if (elapsed > 60_000) throw new Error(`Cannot measure: the agent is not ready after 60 s (${state})`);
    await sleep(10);
  }
}

async function idlePercent(sandbox: Sandbox): Promise<number> {
  const ticks = () => cpuTicks(agentPid(sandbox, nodeName));
  const start = ticks();
  await sleep(idleSeconds * 1000);
  // Ticks of 10 ms.
  return (ticks() - start) / idleSeconds;
}
