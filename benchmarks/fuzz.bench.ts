// SPDX-License-Identifier: Apache-2.0
// A million random packets through the real programs, each compared with the model of tests/datapath/fuzz.
// FUZZ_SEED and FUZZ_PACKETS choose others.
import { fuzz } from "../tests/datapath/fuzz/fuzz.ts";
import { World } from "../tests/datapath/world.ts";
import { type Benchmark, type Figures, row } from "./harness.ts";

export const bench: Benchmark = {
  name: "fuzz",
  description: "a million random packets: programs and model agree; packets a second",
  run: async (progress) => run(progress),
};

function run(progress: (line: string) => void): Figures {
  const packets = Number(process.env.FUZZ_PACKETS ?? 1_000_000);
  const seed = Number(process.env.FUZZ_SEED ?? 1_000_000);
  using world = new World();
  const since = performance.now();
  let told = 0;
  const tally = fuzz(world, {
    seed,
    packets,
    onProgress: (sent) => {
      if (sent < told + packets / 10) return;
      told = sent;
      progress(`${sent} packets, no difference (seed ${seed})`);
    },
  });
  const seconds = (performance.now() - since) / 1000;
  const counts = [...tally].sort().map(([what, count]) => row(what, `seed ${seed}`, "packets", [count]));
  return { rows: [row("programs and model", `seed ${seed}`, "packets/s", [packets / seconds]), ...counts], ratios: [] };
}
