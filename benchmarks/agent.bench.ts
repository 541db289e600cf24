// SPDX-License-Identifier: Apache-2.0
// What an agent with 100 endpoints takes: memory, time until it is ready after kill -9, processor time when idle.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  agentClient,
  agentProcess,
  createSandbox,
  deleteSandbox,
  killAgent,
  nodeOf,
  type Sandbox,
  startAgent,
} from "../apps/sandbox/index.ts";
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
    const before = megabytes(sandbox);
    const idle = await idlePercent(sandbox);
    progress("restarts");
    const ready: number[] = [];
    const memory: number[] = [];
    for (let i = 0; i < restarts; i++) {
      ready.push(await restart(sandbox));
      await sleep(3000);
      memory.push(megabytes(sandbox));
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

function pidOf(sandbox: Sandbox): number {
  const pid = agentProcess(sandbox, nodeOf(sandbox, nodeName))?.pid;
  if (pid === undefined) throw new Error("Cannot measure: the agent does not run");
  return pid;
}

function megabytes(sandbox: Sandbox): number {
  const status = readFileSync(`/proc/${pidOf(sandbox)}/status`, "utf8");
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) / 1000;
}

async function idlePercent(sandbox: Sandbox): Promise<number> {
  const ticks = () => {
    const [utime, stime] =
      readFileSync(`/proc/${pidOf(sandbox)}/stat`, "utf8")
        .split(") ")[1]
        ?.split(" ")
        .slice(11) ?? [];
    return Number(utime) + Number(stime);
  };
  const start = ticks();
  await sleep(idleSeconds * 1000);
  // Ticks of 10 ms.
  return (ticks() - start) / idleSeconds;
}
