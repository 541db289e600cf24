// SPDX-License-Identifier: Apache-2.0
// For tests: random numbers that a seed repeats, and waiting for what comes about in time.
import { setTimeout as sleep } from "node:timers/promises";
import { CiliumError } from "./errors.ts";

/** Whole numbers from 0 to 2^32 - 1, the same ones for the same seed. Mulberry32: small, quick, good enough to choose. */
export function randomWords(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** As randomWords(), in [0, 1). */
export function randomNumbers(seed: number): () => number {
  const next = randomWords(seed);
  return () => next() / 2 ** 32;
}

/** Waits until a condition holds; fails with `what` after `ms`. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 60_000,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new CiliumError(`Timed out: ${what} did not come about within ${ms} ms`);
    await sleep(10);
  }
}
