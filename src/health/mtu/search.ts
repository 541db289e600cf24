// SPDX-License-Identifier: Apache-2.0
// Finds the largest packet that passes a path, by asking for echoes of chosen sizes. Pure but for the questions.

/** What became of a question with a packet of `size` bytes, IP header included. */
export type Ask = (size: number) => Promise<boolean>;

/** The smallest packets that every path has to pass: RFC 791, RFC 8200. */
export const smallestMtu = { 4: 68, 6: 1280 } as const;

/** A packet may get lost for other reasons than its size. */
const attempts = 2;
/** Sizes that are asked for at once: what does not answer takes its time. */
const atOnce = 15;

/**
 * The largest size up to `expected` that passes; undefined when not even a packet of `smallest` bytes does, since then
 * the path is broken and its MTU unknown. One question where all is well; else about three rounds of fifteen.
 */
export async function searchMtu(ask: Ask, smallest: number, expected: number): Promise<number | undefined> {
  if (await passes(ask, expected)) return expected;
  if (!(await passes(ask, smallest))) return undefined;
  let [low, high] = [smallest, expected];
  while (high - low > 1) {
    const sizes = between(low, high);
    const passed = await Promise.all(sizes.map((size) => passes(ask, size)));
    const failed = passed.indexOf(false);
    if (failed >= 0) high = sizes[failed] ?? high;
    low = sizes[(failed < 0 ? sizes.length : failed) - 1] ?? low;
  }
  // A path that broke meanwhile must not look narrow.
  return (await passes(ask, low)) ? low : undefined;
}

/** Up to `atOnce` sizes, evenly spread, ends left out. */
function between(low: number, high: number): number[] {
  const count = Math.min(atOnce, high - low - 1);
  return Array.from({ length: count }, (_, index) => low + Math.floor(((high - low) * (index + 1)) / (count + 1)));
}

async function passes(ask: Ask, size: number): Promise<boolean> {
  for (let attempt = 0; attempt < attempts; attempt++) if (await ask(size)) return true;
  return false;
}
