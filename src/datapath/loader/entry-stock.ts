// SPDX-License-Identifier: Apache-2.0
// Entry programs that are loaded ahead, while nobody waits: a load takes a millisecond, a tenth of an ADD.
import type { EntryPair } from "./entry-programs.ts";

/** Milliseconds after the last pod came; within a burst it would take its time from those that wait. */
const IDLE = 100;
/** Pairs kept; the oldest of more were for endpoints that did not come. */
const MOST = 32;

/** Programs of endpoints that are expected, by id. */
export class EntryStock implements Disposable {
  readonly #load: (id: number) => EntryPair;
  readonly #pairs = new Map<number, EntryPair>();
  #expected: readonly number[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(load: (id: number) => EntryPair) {
    this.#load = load;
  }

  /** Ids of the endpoints that will come next. Those expected before may be on their way: theirs stay. */
  expect(ids: readonly number[]): void {
    this.#expected = ids;
    for (const id of [...this.#pairs.keys()].slice(0, -MOST)) this.drop(id);
    this.#refill();
  }

  /** Loads when there is nothing for that id; the caller closes the programs. */
  take(id: number): EntryPair {
    const pair = this.#pairs.get(id);
    this.#pairs.delete(id);
    return pair ?? this.#load(id);
  }

  /** That endpoint will not come. */
  drop(id: number): void {
    this.#pairs.get(id)?.[Symbol.dispose]();
    this.#pairs.delete(id);
  }

  /** Programs of another generation are loaded now. */
  renew(): void {
    for (const id of this.#pairs.keys()) this.drop(id);
    this.#refill();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#expected = [];
    for (const id of this.#pairs.keys()) this.drop(id);
  }

  #refill(): void {
    clearTimeout(this.#timer);
    const id = this.#expected.find((expected) => !this.#pairs.has(expected));
    if (id === undefined) return;
    this.#timer = setTimeout(() => {
      try {
        this.#pairs.set(id, this.#load(id));
      } catch {
        // Whoever needs the programs loads them again and hears why that fails.
        return;
      }
      this.#refill();
    }, IDLE);
    this.#timer.unref();
  }
}
