// SPDX-License-Identifier: Apache-2.0
// Limits of one class of API calls: calls a second with a burst, calls at a time, and how long one may wait for its turn.
import { type Clock, createLogger, systemClock } from "../core/index.ts";
import { ApiError } from "./errors.ts";
import { type Allowance, adjust, firstAllowance } from "./rate-adjust.ts";

export interface RateLimit {
  /** Calls a second; 0: no limit. */
  readonly rate: number;
  /** Calls that may come at once. */
  readonly burst: number;
  /** Calls that run at a time; 0: no limit. */
  readonly parallel: number;
  /** Bounds of `parallel` when it adjusts itself; a maximum of 0 is none. */
  readonly minParallel: number;
  readonly maxParallel: number;
  /** Milliseconds that each call has to wait. */
  readonly minWait: number;
  /** Milliseconds that a call may wait before it is answered with 429; 0: as long as its caller does. */
  readonly maxWait: number;
  /** Follow what calls take: `rate`, `burst` and `parallel` grow while they take less than `estimated` ms, and shrink. */
  readonly autoAdjust: boolean;
  readonly estimated: number;
  /** By how much they may grow and shrink. */
  readonly maxFactor: number;
  /** Part of a change, 0 to 1, that `burst` and `parallel` take on at once. */
  readonly delayedFactor: number;
  /** Over how many calls means are taken. */
  readonly meanOver: number;
  /** How many of the first calls are not limited. */
  readonly skipInitial: number;
  /** Log each call. */
  readonly log: boolean;
}

/** How a limit is used. */
export interface LimiterState {
  readonly name: string;
  readonly limit: RateLimit;
  readonly allowed: Allowance;
  /** Calls under way. */
  readonly running: number;
  /** Means over the last calls, seconds. */
  readonly meanWait: number;
  readonly meanDuration: number;
}

interface Waiter {
  readonly start: () => void;
}

const log = createLogger("api-limit");

/** First come, first served. */
export class RateLimiter {
  readonly #name: string;
  readonly #limit: RateLimit;
  readonly #clock: Clock;
  readonly #queue: Waiter[] = [];
  /** Milliseconds of the last calls, oldest first. */
  readonly #waits: number[] = [];
  readonly #durations: number[] = [];
  #allowed: Allowance;
  #tokens: number;
  #filledAt: number;
  #running = 0;
  #came = 0;
  #timer: Disposable | undefined;

  constructor(name: string, limit: RateLimit, clock: Clock = systemClock) {
    this.#name = name;
    this.#limit = limit;
    this.#clock = clock;
    this.#allowed = firstAllowance(limit);
    this.#tokens = limit.burst;
    this.#filledAt = clock.monotonic();
  }

  get state(): LimiterState {
    const means = { meanWait: mean(this.#waits) / 1000, meanDuration: mean(this.#durations) / 1000 };
    return { name: this.#name, limit: this.#limit, allowed: this.#allowed, running: this.#running, ...means };
  }

  /** Resolves when the call may run; dispose the result when it is done. Rejects with ApiError 429, or on abort. */
  async acquire(signal?: AbortSignal): Promise<Disposable> {
    if (signal?.aborted === true) throw this.#gone();
    const came = this.#clock.monotonic();
    const limited = ++this.#came > this.#limit.skipInitial;
    if (limited) await this.#wait(this.#limit.minWait, signal);
    if (limited) await this.#turn(came, signal);
    else this.#running++;
    const started = this.#clock.monotonic();
    this.#note(this.#waits, started - came);
    return { [Symbol.dispose]: once(() => this.#release(started)) };
  }

  async #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (ms === 0) return;
    await new Promise<void>((resolve, reject) => {
      const timer = this.#clock.after(ms, resolve);
      const onAbort = (): void => {
        timer[Symbol.dispose]();
        reject(this.#gone());
      };
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  #turn(came: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (error: Error): void => {
        const at = this.#queue.indexOf(waiter);
        if (at < 0) return;
        this.#queue.splice(at, 1);
        reject(error);
      };
      const timeout = this.#refuseAt(came, leave);
      const onAbort = (): void => leave(this.#gone());
      const waiter: Waiter = {
        start: () => {
          timeout?.[Symbol.dispose]();
          signal?.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#queue.push(waiter);
      this.#advance();
    });
  }

  #refuseAt(came: number, leave: (error: Error) => void): Disposable | undefined {
    if (this.#limit.maxWait === 0) return undefined;
    const left = Math.max(0, came + this.#limit.maxWait - this.#clock.monotonic());
    return this.#clock.after(left, () =>
      leave(new ApiError(429, `Cannot serve ${this.#name}: rate limit reached (try again later)`)),
    );
  }

  #gone(): ApiError {
    return new ApiError(499, `Cannot serve ${this.#name}: the client went away`);
  }

  #advance(): void {
    this.#fill();
    while (this.#queue.length > 0 && this.#mayRun()) {
      if (this.#allowed.rate > 0) this.#tokens -= 1;
      this.#running++;
      this.#queue.shift()?.start();
    }
    if (this.#queue.length > 0 && this.#allowed.rate > 0 && this.#tokens < 1 && this.#timer === undefined) {
      const wait = Math.ceil(((1 - this.#tokens) / this.#allowed.rate) * 1000);
      this.#timer = this.#clock.after(Math.min(wait, longestWait), () => {
        this.#timer = undefined;
        this.#advance();
      });
    }
  }

  #mayRun(): boolean {
    const { parallel, rate } = this.#allowed;
    return (parallel === 0 || this.#running < parallel) && (rate === 0 || this.#tokens >= 1);
  }

  #fill(): void {
    const now = this.#clock.monotonic();
    const { burst, rate } = this.#allowed;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#filledAt) / 1000) * rate);
    this.#filledAt = now;
  }

  #release(started: number): void {
    const took = this.#clock.monotonic() - started;
    this.#running--;
    this.#note(this.#durations, took);
    if (this.#limit.log) log.info("A limited call ended", { call: this.#name, ms: Math.round(took) });
    if (this.#limit.autoAdjust && this.#limit.estimated > 0) this.#adjust();
    this.#advance();
  }

  /** What a new rate gives is due from now on: who waits for the next token waits anew. */
  #adjust(): void {
    this.#fill();
    this.#allowed = adjust(this.#limit, mean(this.#durations));
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #note(last: number[], ms: number): void {
    last.push(ms);
    if (last.length > this.#limit.meanOver) last.shift();
  }
}

/** Longest that is waited for a token before the rate is looked at again, ms. */
const longestWait = 60_000;

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function once(callback: () => void): () => void {
  let called = false;
  return () => {
    if (called) return;
    called = true;
    callback();
  };
}
