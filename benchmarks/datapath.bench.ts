// SPDX-License-Identifier: Apache-2.0
// Our datapath beside a direct veth pair, the bridge plugin with conntrack, and kernel VXLAN with bridges.
// DATAPATH_CASES (a regular expression, of names like "TCP bulk, 1 connection, IPv4") and DATAPATH_ROUNDS choose.
import { setTimeout as sleep } from "node:timers/promises";
import { type DualPath, type Path, Topologies } from "./datapath/topologies.ts";
import { measures, Traffic } from "./datapath/traffic.ts";
import { type Benchmark, type Figures, inTurn, pairedRatio, type Ratio, type Row, ratio, row } from "./harness.ts";

export const bench: Benchmark = {
  name: "datapath",
  description: "TCP request/response, connections and bulk, UDP: ours beside veth, bridge with conntrack, kernel VXLAN",
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

/** Ratios above 1 are in our favour; the control shows the noise. A target holds for the measures that it names. */
const comparisons: readonly { a: Name; b: Name; targets: Readonly<Record<string, number>> }[] = [
  { a: "veth again (control)", b: "veth", targets: {} },
  { a: "ours, same node", b: "veth", targets: { "TCP request/response, 1 connection": 0.92 } },
  {
    a: "ours, same node",
    b: "bridge plugin, conntrack",
    targets: {
      "TCP request/response, 1 connection": 1.05,
      "TCP request/response, 32": 1.15,
      "TCP connect/request/close": 1.15,
    },
  },
  { a: "ours, other node", b: "kernel VXLAN, bridges", targets: { "TCP request/response, 1 connection": 1.05 } },
];

async function run(progress: (line: string) => void): Promise<Figures> {
  await using topologies = new Topologies();
  progress("topologies");
  const ours = await topologies.ours();
  const paths: Record<Name, DualPath> = {
    veth: topologies.directVeth("d"),
    "veth again (control)": topologies.directVeth("e"),
    "bridge plugin, conntrack": topologies.bridgePlugin(),
    "ours, same node": ours.sameNode,
    "kernel VXLAN, bridges": topologies.kernelVxlan(),
    "ours, other node": ours.otherNode,
  };
  using traffic = new Traffic();
  const families = { IPv4: paths, IPv6: mapPaths(paths, (path) => ({ ...path, address: path.ipv6 })) };
  for (const family of Object.values(families)) for (const path of Object.values(family)) traffic.serve(path);
  await sleep(1000);
  const chosen = new RegExp(process.env.DATAPATH_CASES ?? "");
  const rounds = Number(process.env.DATAPATH_ROUNDS ?? 5);
  const rows: Row[] = [];
  const found: Ratio[] = [];
  for (const [family, of] of Object.entries(families)) {
    for (const { name, unit, run } of measures) {
      if (!chosen.test(`${name}, ${family}`)) continue;
      progress(`${name}, ${family}`);
      const samples = await inTurn(
        mapPaths(of, (path) => () => run(traffic, path)),
        rounds,
      );
      rows.push(...names.map((variant) => row(`${name}, ${family}`, variant, unit, samples[variant])));
      found.push(...ratios(name, family, samples));
    }
  }
  return { rows, ratios: found };
}

function mapPaths<P extends Path, T>(paths: Readonly<Record<Name, P>>, map: (path: P) => T): Record<Name, T> {
  return Object.fromEntries(names.map((name) => [name, map(paths[name])])) as Record<Name, T>;
}

function ratios(name: string, family: string, samples: Readonly<Record<Name, readonly number[]>>): Ratio[] {
  return comparisons.map(({ a, b, targets }) => {
    const target = targets[name];
    const title = `${name}, ${family}: ${a} / ${b}${target === undefined ? " (no target)" : ""}`;
    return ratio(title, pairedRatio(samples[a], samples[b]), "at least", target ?? 0);
  });
}
