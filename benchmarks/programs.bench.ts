// SPDX-License-Identifier: Apache-2.0
// ns a packet of each path through the real programs (BPF_PROG_TEST_RUN), and how much the verifier walks.
import { LOCAL_PATH, measurePrograms } from "../tests/datapath/cost.ts";
import { type Benchmark, type Figures, median, ratio, row } from "./harness.ts";

/** All of an established flow between two pods of one node. */
const LOCAL_NS = 250;

export const bench: Benchmark = {
  name: "programs",
  description: "BPF_PROG_TEST_RUN: ns a packet of each path, and verified instructions of each program",
  run,
};

async function run(progress: (line: string) => void): Promise<Figures> {
  progress("paths");
  const { paths, programs } = measurePrograms();
  return {
    rows: [
      ...paths.map(({ family, path, ns }) => row(path, family, "ns", ns)),
      ...programs.map(({ program, verifiedInstructions }) =>
        row("verifier", program, "instructions", [verifiedInstructions]),
      ),
    ],
    ratios: paths
      .filter(({ path }) => path === LOCAL_PATH)
      .map(({ family, path, ns }) => ratio(`ns, ${path}, ${family}`, median(ns), "at most", LOCAL_NS)),
  };
}
