// SPDX-License-Identifier: Apache-2.0
// Our datapath with full maps beside the same with empty ones. LOADED_ROUNDS chooses how often.
import { setTimeout as sleep } from "node:timers/promises";
import { fillMaps, load } from "./datapath/fill.ts";
import { Topologies } from "./datapath/topologies.ts";
import { measures, Traffic } from "./datapath/traffic.ts";
import { type Benchmark, type Figures, inTurn, pairedRatio, type Ratio, type Row, ratio, row } from "./harness.ts";

/** At least so much of what empty maps give. */
const TARGET = 0.97;

export const bench: Benchmark = {
  name: "loaded",
  description: `our datapath with ${load.policy} policy entries, ${load.conntrack} flows, ${load.ipcache} addresses: TCP`,
  run,
};

async function run(progress: (line: string) => void): Promise<Figures> {
  await using topologies = new Topologies();
  progress("sandboxes");
  const [empty, again, full] = [await topologies.ours(), await topologies.ours(), await topologies.ours()];
  using traffic = new Traffic();
  const sandboxes = [empty, again, full];
  for (const { sameNode, otherNode } of sandboxes) for (const path of [sameNode, otherNode]) traffic.serve(path);
  progress("maps");
  for (const root of full.bpfRoots) fillMaps(root);
  await sleep(1000);
  const rounds = Number(process.env.LOADED_ROUNDS ?? 7);
  const rows: Row[] = [];
  const ratios: Ratio[] = [];
  for (const where of ["sameNode", "otherNode"] as const) {
    for (const { name, unit, run } of measures.slice(0, 3)) {
      const title = `${name}, IPv4, ${where === "sameNode" ? "same node" : "other node"}`;
      progress(title);
      const samples = await inTurn(
        {
          empty: () => run(traffic, empty[where]),
          "empty again (control)": () => run(traffic, again[where]),
          full: () => run(traffic, full[where]),
        },
        rounds,
      );
      rows.push(...Object.entries(samples).map(([variant, values]) => row(title, variant, unit, values)));
      const control = pairedRatio(samples["empty again (control)"], samples.empty);
      ratios.push(
        ratio(`${title}: empty again (control) / empty (no target)`, control, "at least", 0),
        ratio(`${title}: full / empty`, pairedRatio(samples.full, samples.empty), "at least", TARGET),
      );
    }
  }
  return { rows, ratios };
}
