// SPDX-License-Identifier: Apache-2.0
// Choices that a seed repeats.
import { randomWords } from "../../../src/core/testing.ts";

export class Random {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = randomWords(seed);
  }

  /** A whole number from 0 to `below` - 1. */
  int(below: number): number {
    return this.#next() % below;
  }

  /** True `percent` times of 100. */
  chance(percent: number): boolean {
    return this.int(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(from.length)] as T;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.int(256));
  }
}
