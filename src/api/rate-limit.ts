// SPDX-License-Identifier: Apache-2.0
// Limits of one class of API calls: calls a second with a burst, calls at a time, and how long one may wait for its turn.
import { type Clock, systemClock } from "../core/index.ts";
import { ApiError } from "./errors.ts";

export interface RateLimit {
  /** Calls a second; 0: no limit. */
  readonly rate: number;
  /** Calls that may come at once. */
  readonly burst: number;
  /** Calls that run at a time; 0: no limit. */
  readonly parallel: number;
  /** Milliseconds that a call may wait before it is answered with 429. */
  readonly maxWait: number;
}

/** How a limit is used. */
export interface LimiterState {
  readonly name: string;
  readonly limit: RateLimit;
  /** Calls under way. */
  readonly running: number;
  /** Of calls that got their turn: how many, and seconds that they waited. */
  readonly waits: { readonly count: number; readonly sum: number; readonly max: number };
}

interface Waiter {
  readonly start: () => void;
}

/** First come, first served. */
export class RateLimiter {
  readonly #name: string;
  readonly #limit: RateLimit;
  readonly #clock: Clock;
  readonly #queue: Waiter[] = [];
  #tokens: number;
  #filledAt: number;
  #running = 0;
  #waits = { count: 0, sum: 0, max: 0 };
  #timer: Disposable | undefined;

  constructor(name: string, limit: RateLimit, clock: Clock = systemClock) {
    this.#name = name;
    this.#limit = limit;
    this.#clock = clock;
    this.#tokens = limit.burst;
    this.#filledAt = clock.monotonic();
  }

  get state(): LimiterState {
    return { name: this.#name, limit: this.#limit, running: this.#running, waits: this.#waits };
  }

  /** Resolves when the call may run; dispose the result when it is done. Rejects with ApiError 429, or on abort. */
  acquire(signal?: AbortSignal): Promise<Disposable> {
    const came = this.#clock.monotonic();
    return new Promise((resolve, reject) => {
      const leave = (error: Error): void => {
        const at = this.#queue.indexOf(waiter);
        if (at < 0) return;
        this.#queue.splice(at, 1);
        reject(error);
      };
      const timeout = this.#clock.after(this.#limit.maxWait, () => {
        leave(new ApiError(429, `Cannot serve ${this.#name}: rate limit reached (try again later)`));
      });
      const onAbort = (): void => leave(new ApiError(499, `Cannot serve ${this.#name}: the client went away`));
      const waiter: Waiter = {
        start: () => {
          timeout[Symbol.dispose]();
          signal?.removeEventListener("abort", onAbort);
          this.#waited((this.#clock.monotonic() - came) / 1000);
          resolve({ [Symbol.dispose]: once(() => this.#release()) });
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#queue.push(waiter);
      this.#advance();
    });
  }

  #advance(): void {
    this.#fill();
    while (this.#queue.length > 0 && this.#mayRun()) {
      if (this.#limit.rate > 0) this.#tokens -= 1;
      this.#running++;
      this.#queue.shift()?.start();
    }
    if (this.#queue.length > 0 && this.#limit.rate > 0 && this.#tokens < 1 && this.#timer === undefined) {
      const wait = Math.ceil(((1 - this.#tokens) / this.#limit.rate) * 1000);
      this.#timer = this.#clock.after(wait, () => {
        this.#timer = undefined;
        this.#advance();
      });
    }
  }

  #waited(seconds: number): void {
    const { count, sum, max } = this.#waits;
    this.#waits = { count: count + 1, sum: sum + seconds, max: Math.max(max, seconds) };
  }

  #mayRun(): boolean {
    const turn = this.#limit.parallel === 0 || this.#running < this.#limit.parallel;
    return turn && (this.#limit.rate === 0 || this.#tokens >= 1);
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#limit.burst, this.#tokens + ((now - this.#filledAt) / 1000) * this.#limit.rate);
    this.#filledAt = now;
  }

  #release(): void {
    this.#running--;
    this.#advance();
  }
}

function once(callback: () => void): () => void {
  let called = false;
  return () => {
    if (called) return;
    called = true;
    callback();
  };
}
