// SPDX-License-Identifier: Apache-2.0
// Our datapath beside a direct veth pair, the bridge plugin with conntrack, and kernel VXLAN with bridges.
import { setTimeout as sleep } from "node:timers/promises";
import { type Path, Topologies } from "./datapath/topologies.ts";
import { Traffic } from "./datapath/traffic.ts";
import { type Benchmark, type Figures, inTurn, pairedRatio, type Ratio, ratio, row } from "./harness.ts";

export const bench: Benchmark = {
  name: "datapath",
  description: "TCP request/response and bulk: ours beside veth, bridge plugin with conntrack, kernel VXLAN",
  run,
};

const names = [
  "veth",
  "veth again (control)",
  "bridge plugin, conntrack",
  "ours, same node",
  "kernel VXLAN, bridges",
  "ours, other node",
] as const;
type Name = (typeof names)[number];

/** No targets yet: they come with the next issue. Ratios above 1 are in our favour; the control shows the noise. */
const comparisons: readonly (readonly [Name, Name])[] = [
  ["veth again (control)", "veth"],
  ["ours, same node", "veth"],
  ["ours, same node", "bridge plugin, conntrack"],
  ["ours, other node", "kernel VXLAN, bridges"],
];

async function run(progress: (line: string) => void): Promise<Figures> {
  await using topologies = new Topologies();
  progress("topologies");
  const ours = await topologies.ours();
  const paths: Record<Name, Path> = {
    veth: topologies.directVeth("d"),
    "veth again (control)": topologies.directVeth("e"),
    "bridge plugin, conntrack": topologies.bridgePlugin(),
    "ours, same node": ours.sameNode,
    "kernel VXLAN, bridges": topologies.kernelVxlan(),
    "ours, other node": ours.otherNode,
  };
  using traffic = new Traffic();
  for (const path of Object.values(paths)) traffic.serve(path);
  await sleep(500);
  progress("request/response");
  const roundTrips = await inTurn(byName((name) => traffic.roundTrips(paths[name])));
  progress("bulk");
  const bulk = await inTurn(byName((name) => traffic.bulk(paths[name])));
  return {
    rows: [
      ...names.map((name) => row("TCP request/response", name, "round trips/s", roundTrips[name])),
      ...names.map((name) => row("TCP bulk, one connection", name, "Gbit/s", bulk[name])),
    ],
    ratios: [...ratios("request/response", roundTrips), ...ratios("bulk", bulk)],
  };
}

function byName(measure: (name: Name) => Promise<number>): Record<Name, () => Promise<number>> {
  return Object.fromEntries(names.map((name) => [name, () => measure(name)])) as Record<Name, () => Promise<number>>;
}

function ratios(what: string, samples: Readonly<Record<Name, readonly number[]>>): Ratio[] {
  return comparisons.map(([a, b]) =>
    ratio(`${what}: ${a} / ${b} (no target yet)`, pairedRatio(samples[a], samples[b]), "at least", 0),
  );
}
