// SPDX-License-Identifier: Apache-2.0
// Nothing is lost: 50 kills at random moments of churn, 30 s without agents under load, restarts with everything changed.

import { churn } from "../tests/never-lost/churn.ts";
import { prepareLoad, restartAgents, startLoad } from "../tests/never-lost/load.ts";
import { clientPod, echoPod, Scenario } from "../tests/scenarios/harness.ts";
import { type Benchmark, type Figures, ratio, row } from "./harness.ts";

export const bench: Benchmark = {
  name: "kills",
  description: "agents killed 50 times during churn; 30 s without agents, and changed restarts, under load",
  run,
};

/** Each kills once or twice. */
const steps = 40;
const wantedKills = 50;
const seed = 50;
const downMs = 30_000;
const resizes = 10;

async function run(progress: (line: string) => void): Promise<Figures> {
  const underLoad = await loaded(progress);
  const churned = await killed(progress);
  return { rows: [...underLoad.rows, ...churned.rows], ratios: [...underLoad.ratios, ...churned.ratios] };
}

async function loaded(progress: (line: string) => void): Promise<Figures> {
  const scenario = await Scenario.create("bench-load");
  const rows = [];
  const ratios = [];
  try {
    await prepareLoad(scenario);
    const sizes = (turn: number) => ({ "bpf-ct-global-tcp-max": String(turn % 2 === 0 ? 262_144 : 131_072) });
    const cases = [
      { name: "kill -9, 30 s down", turns: [{ downMs }] },
      { name: "new build of the objects", turns: Array.from({ length: resizes }, () => ({ newBuild: true })) },
      { name: "other map sizes", turns: Array.from({ length: resizes }, (_, turn) => ({ settings: sizes(turn) })) },
    ];
    for (const { name, turns } of cases) {
      const load = startLoad(scenario);
      for (const turn of turns) await restartAgents(scenario.sandbox, turn);
      const { sent, failed, longestGap } = await load.stop();
      progress(`${name}: ${failed} of ${sent} requests failed`);
      rows.push(row(name, `${turns.length} restart(s)`, "requests", [sent]));
      rows.push(row(name, "longest gap of a connection", "ms", [longestGap]));
      ratios.push(ratio(`failed requests, ${name}`, failed, "at most", 0));
    }
  } finally {
    await scenario.delete();
  }
  return { rows, ratios };
}

async function killed(progress: (line: string) => void): Promise<Figures> {
  const scenario = await Scenario.create("bench-kills");
  try {
    const bystanders = [clientPod("client", "node1", { app: "client" }), echoPod("echo", "node2", { app: "echo" })];
    await scenario.apply(bystanders.join(""));
    const streams = [4, 6].map((family) => scenario.stream("client", scenario.ip("echo", family as 4 | 6)));
    const { kills, converged } = await churn(scenario, { seed, steps, progress });
    const reports = await Promise.all(streams.map((stream) => stream.stop()));
    const parts = reports.flatMap(({ connection, connects, datagrams }) => [connection, connects, datagrams]);
    const failed = parts.reduce((sum, { sent, answered }) => sum + Math.abs(sent - answered), 0);
    const sent = parts.reduce((sum, part) => sum + part.sent, 0);
    return {
      rows: [row("churn", "well to equal dumps", "ms", converged), row("churn", "bystanders", "requests", [sent])],
      ratios: [
        ratio("kills, each followed by equal dumps", kills, "at least", wantedKills),
        ratio("failed requests of bystanders", failed, "at most", 0),
      ],
    };
  } finally {
    await scenario.delete();
  }
}
