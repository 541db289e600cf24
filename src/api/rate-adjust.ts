// SPDX-License-Identifier: Apache-2.0
// How a limit follows what calls cost: the faster they are, the more of them may come. The formulas are those that
// Cilium's documentation gives for automatic adjustment.
import type { RateLimit } from "./rate-limit.ts";

/** What a limit allows at the moment. */
export interface Allowance {
  /** Calls a second; 0: no limit. */
  readonly rate: number;
  readonly burst: number;
  /** Calls at a time; 0: no limit. */
  readonly parallel: number;
  /** By which the limit's own values are multiplied. */
  readonly factor: number;
}

/** Before anything was measured: the limit as it is configured. */
export function firstAllowance({ rate, burst, parallel }: RateLimit): Allowance {
  return { rate, burst, parallel, factor: 1 };
}

/** `meanMs`: what the last calls took on average. */
export function adjust(limit: RateLimit, meanMs: number): Allowance {
  const { estimated, maxFactor, minParallel, maxParallel } = limit;
  const factor = clamp(estimated / meanMs, 1 / maxFactor, maxFactor);
  // Grows and shrinks more slowly than the rate.
  const delayed = (value: number) => value + (value * factor - value) * limit.delayedFactor;
  const most = maxParallel === 0 ? Number.POSITIVE_INFINITY : maxParallel;
  const within = (value: number, base: number) => clamp(value, base / maxFactor, base * maxFactor);
  return {
    rate: limit.rate * factor,
    burst: Math.round(within(Math.max(delayed(limit.burst), minParallel), limit.burst)),
    parallel: Math.trunc(within(clamp(delayed(limit.parallel), minParallel, most), limit.parallel)),
    factor,
  };
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
