// SPDX-License-Identifier: Apache-2.0
// Keeps costly work that failed from being tried too often.

/** Between two tries that fail lies a pause, doubled each time up to the longest. */
export class Backoff {
  readonly #first: number;
  readonly #longest: number;
  readonly #now: () => number;
  #pause = 0;
  #until = 0;
  #error: unknown;

  /** Milliseconds; `now` rises steadily. */
  constructor(first: number, longest: number, now: () => number = () => performance.now()) {
    this.#first = first;
    this.#longest = longest;
    this.#now = now;
  }

  /** Runs `work`, or throws its last error again while the pause lasts. */
  run(work: () => void): void {
    if (this.#now() < this.#until) throw this.#error;
    try {
      work();
      this.#pause = 0;
    } catch (error) {
      this.#pause = Math.min(this.#longest, this.#pause === 0 ? this.#first : this.#pause * 2);
      this.#until = this.#now() + this.#pause;
      this.#error = error;
      throw error;
    }
  }
}
