// SPDX-License-Identifier: Apache-2.0
// Entry programs that are loaded and wait for being put in place of others.
import { toError } from "../../core/index.ts";
import type { BpfProgram } from "../../kernel/index.ts";

interface PreparedEntry {
  readonly id: number;
  readonly programs: readonly BpfProgram[];
  readonly put: () => void;
}

/** Programs that wait for being put in place. */
export class PreparedEntries implements Disposable {
  /** Endpoints that failed; they go on with the programs that they have. */
  readonly failed = new Map<number, Error>();
  readonly #entries: PreparedEntry[] = [];

  /** Takes the programs over; `put` replaces what endpoint `id` has by them, in microseconds. */
  add(id: number, programs: readonly BpfProgram[], put: () => void): void {
    this.#entries.push({ id, programs, put });
  }

  /** Replaces all programs. */
  replace(): void {
    for (const { id, put } of this.#entries) {
      try {
        put();
      } catch (thrown) {
        this.failed.set(id, toError(thrown));
      }
    }
  }

  [Symbol.dispose](): void {
    for (const { programs } of this.#entries) for (const program of programs) program.close();
  }
}
