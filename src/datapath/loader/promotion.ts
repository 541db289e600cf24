// SPDX-License-Identifier: Apache-2.0
// When endpoints move from filters to links: while no pod comes or goes, one after the other. Making a link holds the
// kernel's RTNL lock for a grace period, for which an ADD or DEL would have to wait.

/** Milliseconds without a pod that came or went. */
const QUIET = 1000;
/** Milliseconds after which an endpoint does not wait for quiet any more. */
const LONGEST = 10_000;
/** Milliseconds between two that did not find quiet. */
const SPACING = 200;
/** Milliseconds after one that failed. */
const RETRY = 5000;

/** Ids that wait, oldest first. */
export class Promotions implements Disposable {
  readonly #promote: (id: number) => Promise<void>;
  readonly #onError: (id: number, error: unknown) => void;
  /** Since when, by id; milliseconds of performance.now(). */
  readonly #waiting = new Map<number, number>();
  #timer: NodeJS.Timeout | undefined;
  #busyAt = 0;
  #running = false;
  #ended = false;

  /** `promote` moves one; what it throws goes to `onError`, and it is tried again later. */
  constructor(promote: (id: number) => Promise<void>, onError: (id: number, error: unknown) => void) {
    this.#promote = promote;
    this.#onError = onError;
  }

  add(id: number): void {
    if (!this.#waiting.has(id)) this.#waiting.set(id, performance.now());
    this.#schedule(QUIET);
  }

  remove(id: number): void {
    this.#waiting.delete(id);
  }

  /** A pod comes or goes. */
  busy(): void {
    this.#busyAt = performance.now();
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    this.#waiting.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(delay: number): void {
    if (this.#ended || this.#running || this.#timer !== undefined || this.#waiting.size === 0) return;
    this.#timer = setTimeout(() => void this.#next(), delay);
  }

  async #next(): Promise<void> {
    this.#timer = undefined;
    const [oldest] = this.#waiting;
    if (oldest === undefined) return;
    const [id, since] = oldest;
    const now = performance.now();
    const quietIn = this.#busyAt + QUIET - now;
    if (quietIn > 0 && now - since < LONGEST) return this.#schedule(Math.min(quietIn, LONGEST - (now - since)));
    this.#waiting.delete(id);
    this.#running = true;
    let delay = quietIn > 0 ? SPACING : 0;
    try {
      await this.#promote(id);
    } catch (error) {
      this.#onError(id, error);
      this.#waiting.set(id, now);
      delay = RETRY;
    } finally {
      this.#running = false;
    }
    this.#schedule(delay);
  }
}
