// SPDX-License-Identifier: Apache-2.0
// Waiting that an AbortSignal ends, and the delays between tries.
import type { Clock } from "../core/index.ts";

/** Resolves after `ms`, or at once when the signal aborts (it does not reject). */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = () => resolve();
  const timer = clock.after(ms, wake);
  signal.addEventListener("abort", wake, { once: true });
  return promise.finally(() => {
    timer[Symbol.dispose]();
    signal.removeEventListener("abort", wake);
  });
}

/** Delays that double from one try to the next, spread by a quarter so that many clients do not come at once. */
export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #next: number;

  constructor(minMs = 50, maxMs = 5_000, random: () => number = Math.random) {
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#random = random;
    this.#next = minMs;
  }

  /** The delay before the next try, ms. */
  next(): number {
    const delay = this.#next;
    this.#next = Math.min(this.#maxMs, delay * 2);
    return delay * (0.75 + this.#random() / 2);
  }

  /** To be called when a try went well. */
  reset(): void {
    this.#next = this.#minMs;
  }
}

/** Listeners that are called in order; one that throws does not keep the others from being called. */
export class Listeners {
  readonly #listeners = new Set<() => void>();

  add(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  call(onError: (error: unknown) => void): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener();
      } catch (error) {
        onError(error);
      }
    }
  }
}
