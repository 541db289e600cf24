// SPDX-License-Identifier: Apache-2.0
// From the start of a new pod's ADD to its first packet that another node lets in, with identities that nobody knew before and known
// ones; and how many packets are refused meanwhile.
import { setTimeout as sleep } from "node:timers/promises";
import { type NewPod, NewPods } from "../tests/scenarios/new-pods.ts";
import { type Benchmark, type Figures, percentile, ratio, row } from "./harness.ts";

export const bench: Benchmark = {
  name: "new-pod",
  description: "a new pod's first packet on another node, with new and known identities; packets refused meanwhile",
  run,
};

const podsOfAKind = 100;
/** From one pod's start to the next one's, ms: an agent may use etcd 20 times a second. */
const pace = 200;
const burst = 10;
const kinds = ["new identity", "known identity"] as const;

async function run(progress: (line: string) => void): Promise<Figures> {
  await using pods = await NewPods.create(`bench-np-${process.pid % 100000}`);
  const arrivals = new Map(kinds.map((kind) => [kind, [] as Arrival[]]));
  const refused: number[] = [];
  for (const kind of kinds) {
    const [first, ...all] = podsOf(kind);
    await pods.announce([...(first === undefined ? [] : [first]), ...all]);
    // With it the known identity is known.
    if (first !== undefined) await arrive(pods, first);
    const before = pods.refused();
    for (const pod of all) {
      const next = sleep(pace);
      arrivals.get(kind)?.push(await arrive(pods, pod));
      await next;
    }
    refused.push(pods.refused() - before);
    progress(`${kind}: ${refused.at(-1)} packets refused`);
  }
  return {
    rows: kinds.flatMap((kind) => [
      row("ADD", kind, "ms", times(arrivals, kind, "added")),
      row("ADD to first answer", kind, "ms", times(arrivals, kind, "answered")),
    ]),
    ratios: kinds.flatMap((kind, index) => [
      ratio(`${kind}: p50, ms`, percentile(times(arrivals, kind, "answered"), 0.5), "at most", 100),
      ratio(`${kind}: p99, ms`, percentile(times(arrivals, kind, "answered"), 0.99), "at most", 100),
      ratio(`${kind}: refused of ${sent(arrivals, kind)} packets`, refused[index] ?? Number.NaN, "at most", 0),
    ]),
  };
}

/** What a new pod saw. */
interface Arrival {
  /** ADD, and from its start to the first echo's answer, ms. */
  readonly added: number;
  readonly answered: number;
  readonly sent: number;
}

async function arrive(pods: NewPods, pod: NewPod): Promise<Arrival> {
  const adding = pods.add(pod);
  const added = await adding.added;
  const { first, sent } = await adding.burst(burst);
  return { added, answered: added + first, sent };
}

function podsOf(kind: (typeof kinds)[number]): readonly NewPod[] {
  const isNew = kind === "new identity";
  return Array.from({ length: podsOfAKind + 1 }, (_, index) => {
    const name = `${isNew ? "new" : "known"}-${index}`;
    return { name, labels: { client: "yes", run: isNew ? name : "all" } };
  });
}

type Arrivals = ReadonlyMap<string, readonly Arrival[]>;

function times(arrivals: Arrivals, kind: string, of: "added" | "answered"): readonly number[] {
  return (arrivals.get(kind) ?? []).map((arrival) => arrival[of]);
}

function sent(arrivals: Arrivals, kind: string): number {
  return (arrivals.get(kind) ?? []).reduce((sum, arrival) => sum + arrival.sent, 0);
}
