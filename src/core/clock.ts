// SPDX-License-Identifier: Apache-2.0
// The clock as an argument, so that logic with time-outs can be tested without waiting.

/** Time source and timer. `systemClock` in the product, `FakeClock` in tests. */
export interface Clock {
  /** Milliseconds since the epoch: for people to read. It jumps when somebody sets the machine's clock. */
  now(): number;
  /** Milliseconds since some moment, never set by anybody: for intervals, deadlines and rates. */
  monotonic(): number;
  /** Calls `callback` once after `ms`; disposing the result cancels it. Timers never keep the process alive. */
  after(ms: number, callback: () => void): Disposable;
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

interface FakeTimer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock that moves only when told to. */
export class FakeClock implements Clock {
  #now: number;
  #shift = 0;
  readonly #timers = new Set<FakeTimer>();

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now + this.#shift;
  }

  monotonic(): number {
    return this.#now;
  }

  /** Sets the clock that people read forward (or back) by `ms`; nothing becomes due. */
  jump(ms: number): void {
    this.#shift += ms;
  }

  after(ms: number, callback: () => void): Disposable {
    const timer: FakeTimer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Moves time on by `ms` and runs what became due, in order of time. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
    }
    this.#now = end;
  }
}
