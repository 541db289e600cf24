// SPDX-License-Identifier: Apache-2.0
// Finds the largest packet that passes a path, by asking for echoes of chosen sizes. Pure but for the questions.

/** What became of a question with a packet of `size` bytes, IP header included. */
export type Ask = (size: number) => Promise<boolean>;

/** The smallest packets that every path has to pass: RFC 791, RFC 8200. */
export const smallestMtu = { 4: 68, 6: 1280 } as const;

/** A packet may get lost for other reasons than its size. */
const attempts = 2;
/** Packets more, before a size is said not to pass. */
const confirmations = 4;
/** Sizes that are asked for at once: what does not answer takes its time. */
const atOnce = 15;

/**
 * The largest size up to `expected` that passes; undefined when not even a packet of `smallest` bytes does, since then
 * the path is broken and its MTU unknown. One question where all is well; else about three rounds of fifteen. What came
 * back is certain, what did not may have got lost for other reasons: of a path that loses packets at random no size is
 * said that is smaller than what was seen to pass, and none while larger ones do.
 */
export async function searchMtu(ask: Ask, smallest: number, expected: number): Promise<number | undefined> {
  if (await passes(ask, expected)) return expected;
  if (!(await passes(ask, smallest))) return undefined;
  let [low, high] = [smallest, expected];
  while (high - low > 1) {
    const sizes = between(low, high);
    const passed = await Promise.all(sizes.map((size) => passes(ask, size)));
    const widest = passed.lastIndexOf(true);
    high = sizes[widest + 1] ?? high;
    low = sizes[widest] ?? low;
  }
  // A path that broke meanwhile must not look narrow, nor one that is wide.
  if (!(await passes(ask, low))) return undefined;
  const [wider, wide] = await Promise.all([high, expected].map((size) => passesOnce(ask, size)));
  return wide ? expected : wider ? undefined : low;
}

/** Up to `atOnce` sizes, evenly spread, ends left out. */
function between(low: number, high: number): number[] {
  const count = Math.min(atOnce, high - low - 1);
  return Array.from({ length: count }, (_, index) => low + Math.floor(((high - low) * (index + 1)) / (count + 1)));
}

/** Whether one of several packets, sent at once, passes. */
async function passesOnce(ask: Ask, size: number): Promise<boolean> {
  return (await Promise.all(Array.from({ length: confirmations }, () => ask(size)))).includes(true);
}

async function passes(ask: Ask, size: number): Promise<boolean> {
  for (let attempt = 0; attempt < attempts; attempt++) if (await ask(size)) return true;
  return false;
}
