// SPDX-License-Identifier: Apache-2.0
// How long an agent takes after kill -9 until it answers and 100 endpoints are as they should be, and where time goes.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  agentClient,
  createSandbox,
  deleteSandbox,
  killAgent,
  nodeOf,
  type Sandbox,
  sandboxPaths,
  startAgent,
} from "../apps/sandbox/index.ts";
import { Attachments, ours } from "./cni/attachments.ts";
import { type Benchmark, type Figures, median, ratio, row } from "./harness.ts";

export const bench: Benchmark = {
  name: "restore",
  description: "an agent with 100 endpoints after kill -9: from start to ready, programs kept or loaded anew",
  run,
};

const endpoints = 100;
const rounds = 5;
const nodeName = "node1";
/** New constants, so that all programs are loaded and every endpoint gets new ones. */
const otherSizes = ["65536", "131072"];

interface Sample {
  /** Until the API says "Ok". */
  readonly well: number;
  /** Until every endpoint is ready too. */
  readonly ready: number;
  /** Of the agent's own log: reading code, until its first line; then its modules' start. */
  readonly code: number;
  readonly modules: number;
}

async function run(progress: (line: string) => void): Promise<Figures> {
  const name = `bench-re-${process.pid % 100000}`;
  try {
    const sandbox = await createSandbox({ name, nodes: 1 });
    using attachments = new Attachments();
    const plugin = ours(sandbox, nodeName);
    for (let i = 0; i < endpoints; i++) attachments.add(plugin);
    progress(`${endpoints} endpoints`);
    const kept: Sample[] = [];
    const fresh: Sample[] = [];
    await restart(sandbox, {});
    for (let i = 0; i < rounds; i++) {
      kept.push(await restart(sandbox, i === 0 ? {} : sizesOf(i - 1)));
      fresh.push(await restart(sandbox, sizesOf(i)));
      progress(`round ${i + 1}: ${Math.round(kept.at(-1)?.ready ?? 0)} ms, ${Math.round(fresh.at(-1)?.ready ?? 0)} ms`);
    }
    attachments.removeAll(plugin);
    const rows = (variant: string, samples: readonly Sample[]) => [
      row(
        "start to all ready",
        variant,
        "ms",
        samples.map(({ ready }) => ready),
      ),
      row(
        "start to well",
        variant,
        "ms",
        samples.map(({ well }) => well),
      ),
      row(
        "  process and code",
        variant,
        "ms",
        samples.map(({ code }) => code),
      ),
      row(
        "  modules",
        variant,
        "ms",
        samples.map(({ modules }) => modules),
      ),
    ];
    return {
      rows: [...rows("programs kept", kept), ...rows("programs loaded anew", fresh)],
      ratios: [
        ratio("ready, programs kept, ms", median(kept.map(({ ready }) => ready)), "at most", 1000),
        ratio("ready, programs loaded anew, ms", median(fresh.map(({ ready }) => ready)), "at most", 1000),
      ],
    };
  } finally {
    await deleteSandbox(name);
  }
}

function sizesOf(round: number): Record<string, string> {
  return { "bpf-ct-global-any-max": otherSizes[round % 2] ?? "" };
}

async function restart(sandbox: Sandbox, settings: Readonly<Record<string, string>>): Promise<Sample> {
  const node = nodeOf(sandbox, nodeName);
  await killAgent(sandbox, node);
  const client = agentClient(sandbox, node);
  const [start, startTime] = [performance.now(), Date.now()];
  startAgent({ ...sandbox, settings }, node);
  let well: number | undefined;
  for (;;) {
    const state = await client.healthz({ brief: true }).then(
      ({ cilium }) => cilium.state,
      () => "no answer",
    );
    if (state === "Ok") {
      well ??= performance.now() - start;
      const states = (await client.listEndpoints()).map(({ status }) => status.state);
      const ready = performance.now() - start;
      if (states.filter((found) => found === "ready").length === endpoints) {
        return { well, ready, ...logTimes(sandbox, startTime) };
      }
    }
    if (performance.now() - start > 60_000) throw new Error(`Cannot measure: not ready after 60 s (${state})`);
    await sleep(5);
  }
}

/** From the last start in the log. */
function logTimes(sandbox: Sandbox, startTime: number): Pick<Sample, "code" | "modules"> {
  const lines = readFileSync(sandboxPaths(sandbox.name).node(nodeName).agentLog, "utf8").split("\n");
  const at = (message: string) => {
    const line = lines.findLast((candidate) => candidate.includes(message)) ?? "";
    return Date.parse(/time="?([^" ]+)/.exec(line)?.[1] ?? "");
  };
  const [starts, ready] = [at("Agent starts"), at("Agent is ready")];
  return { code: starts - startTime, modules: ready - starts };
}
