// SPDX-License-Identifier: Apache-2.0
// Port ranges as the fewest prefixes that cover exactly them, which is what an LPM trie can hold.
import { DatapathError } from "../errors.ts";

/** The ports whose first `length` bits are those of `port`. */
export interface PortPrefix {
  readonly port: number;
  /** 0 (any port) to 16 (one port). */
  readonly length: number;
}

/** Fewest prefixes for `start` to `end`, both inclusive, rising; at most 30. */
export function portRangeToPrefixes(start: number, end: number): PortPrefix[] {
  if (!isPort(start) || !isPort(end) || start > end) {
    throw new DatapathError(`Cannot use port range "${start}-${end}": 0 to 65535, rising, expected`);
  }
  const prefixes: PortPrefix[] = [];
  let next = start;
  while (next <= end) {
    let size = 1;
    // Grow while the block stays aligned at `next` and ends within the range.
    while (size < 65536 && next % (size * 2) === 0 && next + size * 2 - 1 <= end) size *= 2;
    prefixes.push({ port: next, length: 16 - Math.log2(size) });
    next += size;
  }
  return prefixes;
}

/** First and last port of a prefix. */
export function portRangeOfPrefix({ port, length }: PortPrefix): { readonly start: number; readonly end: number } {
  const size = 2 ** (16 - length);
  const start = port - (port % size);
  return { start, end: start + size - 1 };
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 65535;
}
