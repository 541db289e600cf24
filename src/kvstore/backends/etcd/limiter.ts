// SPDX-License-Identifier: Apache-2.0
// Bounds requests by rate and by how many are under way; those that must wait go in order, urgent ones first.
import type { Clock } from "../../../core/index.ts";

/** How much is allowed. The rate may change with time since the start (ms). */
export interface LimiterOptions {
  readonly clock: Clock;
  readonly maxInflight: number;
  readonly ratePerSecond: (sinceStart: number) => number;
}

interface Waiter {
  readonly resolve: () => void;
  /** Of the monotonic clock. */
  readonly since: number;
}

/** How long urgent requests go before one that is not, ms. */
const patienceMs = 250;

/** A token bucket that holds one second's worth, and a count of what is under way. */
export class Limiter {
  readonly #options: LimiterOptions;
  readonly #start: number;
  readonly #waiting: Waiter[] = [];
  readonly #urgent: Waiter[] = [];
  #inflight = 0;
  #tokens: number;
  #filledAt: number;
  #timer: Disposable | undefined;

  constructor(options: LimiterOptions) {
    this.#options = options;
    this.#start = this.#filledAt = options.clock.monotonic();
    this.#tokens = options.ratePerSecond(0);
  }

  /** Runs an operation when it may; rejects with the signal's reason when that aborts while it waits. */
  async run<T>(signal: AbortSignal, operation: () => Promise<T>, { urgent = false } = {}): Promise<T> {
    await this.#acquire(signal, urgent ? this.#urgent : this.#waiting);
    try {
      return await operation();
    } finally {
      this.#inflight--;
      this.#pump();
    }
  }

  async #acquire(signal: AbortSignal, queue: Waiter[]): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { resolve, since: this.#options.clock.monotonic() };
    const onAbort = () => {
      const index = queue.indexOf(waiter);
      if (index < 0) return;
      queue.splice(index, 1);
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    queue.push(waiter);
    this.#pump();
    await promise.finally(() => signal.removeEventListener("abort", onAbort));
  }

  #pump(): void {
    this.#refill();
    while (this.#waits && this.#inflight < this.#options.maxInflight && this.#tokens >= 1) {
      this.#tokens--;
      this.#inflight++;
      this.#next()?.resolve();
    }
    if (this.#waits && this.#inflight < this.#options.maxInflight) this.#pumpLater();
  }

  get #waits(): boolean {
    return this.#waiting.length + this.#urgent.length > 0;
  }

  #next(): Waiter | undefined {
    const [ordinary] = this.#waiting;
    const late = ordinary !== undefined && this.#options.clock.monotonic() - ordinary.since >= patienceMs;
    return this.#urgent.length === 0 || late ? this.#waiting.shift() : this.#urgent.shift();
  }

  #rate(): number {
    return this.#options.ratePerSecond(this.#options.clock.monotonic() - this.#start);
  }

  #refill(): void {
    const now = this.#options.clock.monotonic();
    const rate = this.#rate();
    this.#tokens = Math.min(rate, this.#tokens + (Math.max(0, now - this.#filledAt) / 1000) * rate);
    this.#filledAt = now;
  }

  #pumpLater(): void {
    if (this.#timer !== undefined) return;
    const ms = Math.max(1, Math.ceil(((1 - this.#tokens) / this.#rate()) * 1000));
    this.#timer = this.#options.clock.after(ms, () => {
      this.#timer = undefined;
      this.#pump();
    });
  }
}
