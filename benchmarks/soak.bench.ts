// SPDX-License-Identifier: Apache-2.0
// Pods, policies and connections come and go and agents are killed: nothing grows, nothing fails, nothing slips through.
import { setTimeout as sleep } from "node:timers/promises";
import { type Benchmark, type Figures, type Ratio, type Row, ratio, row } from "./harness.ts";
import type { AskerReport } from "./soak/asker.ts";
import { type Disturbance, disturb, sum } from "./soak/disturb.ts";
import { observe, type Quantity, quantities } from "./soak/observe.ts";
import { afterWarmUp, type Sample, type Trend, trend } from "./soak/trend.ts";
import { endAsking, World } from "./soak/world.ts";

const defaultSeconds = 600;
const killEvery = 30_000;
/** Caches fill, and conntrack entries reach their first end of life. */
const warmUp = { share: 0.3, most: 180 };

export const bench: Benchmark = {
  name: "soak",
  description: "10 minutes (SOAK_SECONDS) of pods, policies, connections and kills: what grows, what fails",
  run: (progress) => soak(Number(process.env.SOAK_SECONDS ?? defaultSeconds), progress),
};

/** Samples of one quantity of one node. */
type Series = Map<string, Sample[]>;

/** One soak of that many seconds; node1's agent lives through it, node2's is killed now and then. */
async function soak(seconds: number, progress: (line: string) => void): Promise<Figures> {
  if (!(seconds >= 1)) throw new Error(`Cannot soak for "${process.env.SOAK_SECONDS}" seconds: not a number above 0`);
  await using world = await World.create();
  progress("sandbox is up");
  const { clients, strangers } = world.startAsking();
  const series: Series = new Map();
  const stop = new AbortController();
  const watching = watch(world, series, Math.min(5, seconds / 20), stop.signal);
  let disturbed: Disturbance;
  try {
    const end = performance.now() + seconds * 1000;
    const enough = ({ guests, kills }: Disturbance) => {
      const left = Math.ceil((end - performance.now()) / 1000);
      if (guests % 25 === 0) progress(`${guests} guests, ${kills} kills, ${left} s to go`);
      return left <= 0;
    };
    disturbed = await disturb(world, { enough, killEvery: Math.min(killEvery, (seconds * 1000) / 3) });
  } finally {
    stop.abort();
    await watching;
  }
  const { guests, kills, reports } = disturbed;
  const [allowed, denied] = [sum([...reports, ...(await endAsking(clients))]), sum(await endAsking(strangers))];
  for (const line of allowed.unanswered) progress(`not answered: ${line}`);
  return figures(series, seconds, { allowed, denied, guests, kills });
}

async function watch(world: World, series: Series, every: number, signal: AbortSignal): Promise<void> {
  const since = performance.now();
  while (!signal.aborted) {
    for (const node of world.sandbox.nodes) {
      for (const [name, value] of await observe(world.sandbox, node)) {
        const key = `${node.name} ${name}`;
        series.set(key, [...(series.get(key) ?? []), { at: (performance.now() - since) / 1000, value }]);
      }
    }
    await sleep(every * 1000, undefined, { signal }).catch(() => undefined);
  }
}

interface Outcome {
  readonly allowed: AskerReport;
  readonly denied: AskerReport;
  readonly guests: number;
  readonly kills: number;
}

function figures(series: Series, seconds: number, { allowed, denied, guests, kills }: Outcome): Figures {
  const rows: Row[] = [
    row("allowed requests", "all", "requests", [allowed.asked]),
    row("allowed requests answered after 900 ms or more", "all", "requests", [allowed.slow]),
    row("denied requests", "all", "requests", [denied.asked]),
    row("pods that came and went, with their policies", "all", "pods", [guests]),
    row("agents killed", "node2", "kills", [kills]),
  ];
  const ratios: Ratio[] = [
    ratio(`failed of ${allowed.asked} allowed requests`, allowed.asked - allowed.answered, "at most", 0),
    ratio(`passed of ${denied.asked} denied requests`, denied.answered, "at most", 0),
  ];
  for (const [key, samples] of [...series].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const [node = "", ...rest] = key.split(" ");
    const name = rest.join(" ") as Quantity;
    const kept = afterWarmUp(samples, warmUp.share, warmUp.most);
    const found = trend(kept);
    const values = kept.map(({ value }) => value);
    rows.push(row(name, node, quantities[name].unit, values));
    // An agent that is new every half minute says nothing about memory; its neighbour does.
    if (node === "node1" || !name.startsWith("agent")) ratios.push(verdict(node, name, found, seconds));
  }
  return { rows, ratios };
}

/** How far it grew over the run, of which a little is let pass. */
function verdict(node: string, name: Quantity, found: Trend, seconds: number): Ratio {
  const { unit, share, few } = quantities[name];
  const slope = `${found.perHour >= 0 ? "+" : ""}${found.perHour.toPrecision(3)} ${unit}/h`;
  const allowed = Number(Math.max(few, found.mean * share).toPrecision(3));
  return ratio(`${node} ${name}: growth in ${seconds} s, ${unit} (line: ${slope})`, found.growth, "at most", allowed);
}
