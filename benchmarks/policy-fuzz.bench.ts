// SPDX-License-Identifier: Apache-2.0
// Five minutes of random and mutated policies through the parser: no crash, no hang, none taken in part.
// FUZZ_SECONDS and FUZZ_SEED choose others.
import { tryPolicy } from "../tests/fuzz/policy.ts";
import { Random } from "../tests/fuzz/random.ts";
import { type Benchmark, type Figures, ratio, row } from "./harness.ts";

/** Longest that one policy may take, ms: far beyond any, so that only a hang shows. */
const longest = 2000;
const batch = 1000;

export const bench: Benchmark = {
  name: "policy-fuzz",
  description: "five minutes of random policies: each is taken whole or refused whole; policies a second",
  run: async (progress) => run(progress),
};

function run(progress: (line: string) => void): Figures {
  const seconds = Number(process.env.FUZZ_SECONDS ?? 300);
  const seed = Number(process.env.FUZZ_SEED ?? Date.now()) >>> 0;
  const since = performance.now();
  const counts = { taken: 0, refused: 0 };
  let slowest = 0;
  for (let n = 0; performance.now() - since < seconds * 1000; n++) {
    const started = performance.now();
    try {
      counts[tryPolicy(new Random(seed + Math.imul(n, 0x9e3779b1))) ? "taken" : "refused"]++;
    } catch (error) {
      throw new Error(`Failed with seed ${seed}, policy ${n}`, { cause: error });
    }
    slowest = Math.max(slowest, performance.now() - started);
    if (n % (100 * batch) === 0) progress(`${n} policies, seed ${seed}`);
  }
  const rate = (counts.taken + counts.refused) / ((performance.now() - since) / 1000);
  return {
    rows: [
      row("parse", `seed ${seed}`, "policies/s", [rate]),
      row("parse", "taken", "policies", [counts.taken]),
      row("parse", "refused", "policies", [counts.refused]),
      row("parse", "slowest", "ms", [slowest]),
    ],
    ratios: [ratio("slowest policy, ms", slowest, "at most", longest)],
  };
}
