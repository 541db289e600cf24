// SPDX-License-Identifier: Apache-2.0
// Entry programs that are loaded and wait for being put in place of others.
import { toError } from "../../core/index.ts";
import type { EntryPair } from "./entry-programs.ts";

interface PreparedEntry {
  readonly id: number;
  readonly programs: EntryPair;
  readonly steps: readonly (() => void)[];
}

/** Programs that wait for being put in place. */
export class PreparedEntries implements Disposable {
  /** Endpoints that failed; they go on with the programs that they have. */
  readonly failed = new Map<number, Error>();
  readonly #entries: PreparedEntry[] = [];

  /** Takes the programs over; each step puts one in place of what endpoint `id` has, in microseconds. */
  add(id: number, programs: EntryPair, steps: readonly (() => void)[]): void {
    this.#entries.push({ id, programs, steps });
  }

  /** Replaces all programs. */
  replace(): void {
    for (const { id, steps } of this.#entries) {
      for (const step of steps) {
        try {
          step();
        } catch (thrown) {
          this.failed.set(id, toError(thrown));
        }
      }
    }
  }

  [Symbol.dispose](): void {
    for (const { programs } of this.#entries) programs[Symbol.dispose]();
  }
}
