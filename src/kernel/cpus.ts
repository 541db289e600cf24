// SPDX-License-Identifier: Apache-2.0
// How many slots a per-CPU value has.
import { readFileSync } from "node:fs";

let cached = 0;

/** CPUs that may ever be there ("0-3,8" counts 5); per-CPU map values have that many slots. */
export function possibleCpus(): number {
  if (cached === 0) cached = countCpus(readFileSync("/sys/devices/system/cpu/possible", "latin1"));
  return cached;
}

/** Counts the members of a kernel CPU list. */
export function countCpus(list: string): number {
  let count = 0;
  for (const part of list.trim().split(",")) {
    const [first, last] = part.split("-").map(Number);
    if (first === undefined || Number.isNaN(first)) throw new Error(`Cannot read CPU list "${list.trim()}"`);
    count += (last ?? first) - first + 1;
  }
  return count;
}
