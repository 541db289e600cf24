// SPDX-License-Identifier: Apache-2.0
// What failed and is to be tried again, with exponential back-off for each key and one timer for all.

import type { Clock } from "./clock.ts";

/** Delay of the first retry, and the longest delay, ms. */
export interface RetryTimes {
  readonly minMs: number;
  readonly maxMs: number;
}

interface Entry<Value> {
  readonly value: Value;
  readonly attempts: number;
  readonly at: number;
  readonly error: string;
  /** Taken for a retry that is under way. */
  readonly taken: boolean;
}

/** Keys in error. An entry stays, with its count of attempts, until `forget`. */
export class RetryQueue<Key, Value> {
  readonly #clock: Clock;
  readonly #times: RetryTimes;
  readonly #onDue: () => void;
  readonly #entries = new Map<Key, Entry<Value>>();
  #timer: Disposable | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  /** `onDue` is called when entries become due. */
  constructor(clock: Clock, times: RetryTimes, onDue: () => void) {
    this.#clock = clock;
    this.#times = times;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The error of the entry that has been here longest. */
  get firstError(): string | undefined {
    const [first] = this.#entries.values();
    return first?.error;
  }

  /** The delay after `attempts` earlier failures, ms. */
  delay(attempts: number): number {
    return Math.min(this.#times.maxMs, this.#times.minMs * 2 ** Math.min(attempts, 40));
  }

  /** Notes a failure and plans the retry. */
  add(key: Key, value: Value, error: string): void {
    const attempts = this.#entries.get(key)?.attempts ?? 0;
    const at = this.#clock.monotonic() + this.delay(attempts);
    this.#entries.set(key, { value, attempts: attempts + 1, at, error, taken: false });
    this.#arm(at);
  }

  forget(key: Key): void {
    this.#entries.delete(key);
  }

  hasDue(): boolean {
    if (this.#entries.size === 0) return false;
    const now = this.#clock.monotonic();
    return this.#entries.values().some((entry) => !entry.taken && entry.at <= now);
  }

  /** Entries that are due, each once until it is added again. */
  takeDue(): [Key, Value][] {
    const now = this.#clock.monotonic();
    const due: [Key, Value][] = [];
    for (const [key, entry] of this.#entries) {
      if (entry.taken || entry.at > now) continue;
      this.#entries.set(key, { ...entry, taken: true });
      due.push([key, entry.value]);
    }
    return due;
  }

  clear(): void {
    this.#entries.clear();
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #arm(at: number): void {
    if (at >= this.#timerAt) return;
    this.#timer?.[Symbol.dispose]();
    this.#timerAt = at;
    this.#timer = this.#clock.after(Math.max(0, at - this.#clock.monotonic()), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      for (const entry of this.#entries.values())
        if (!entry.taken && entry.at > this.#clock.monotonic()) this.#arm(entry.at);
      this.#onDue();
    });
  }
}
