// SPDX-License-Identifier: Apache-2.0
// Expired entries of maps are deleted now and then: they are dead already, and only take room.
import { createLogger, toError } from "../core/index.ts";
import type { SweepResult } from "./maps/types.ts";

/** An agent that never lives long enough for the interval must sweep too. Milliseconds. */
const FIRST_SWEEP = 3000;

/** Sweeps until disposed. */
export interface Sweeper extends Disposable {
  /** Sweeps now; no sweep when one is under way. */
  sweep(): void;
  readonly totals: SweepTotals;
}

/** How often was swept, and what the last sweep found. */
export interface SweepTotals {
  readonly what: string;
  /** Seconds between two sweeps; 0: only when asked. */
  readonly interval: number;
  readonly completed: number;
  readonly failed: number;
  readonly last: SweepResult | undefined;
}

/** A sweep that ended. */
export interface SweepRun {
  readonly what: string;
  readonly seconds: number;
  readonly ok: boolean;
}

/** What to sweep, and who is told. */
export interface SweeperOptions {
  /** For messages. */
  readonly what: string;
  /** Between two sweeps; 0: only when asked. */
  readonly seconds: number;
  readonly sweep: (signal: AbortSignal) => Promise<SweepResult>;
  readonly onSwept: ((run: SweepRun) => void) | undefined;
}

/** Sweeps every so many seconds. */
export function sweeper({ what, seconds, sweep, onSwept }: SweeperOptions): Sweeper {
  const log = createLogger("datapath");
  const abort = new AbortController();
  let sweeping = false;
  let totals: SweepTotals = { what, interval: seconds, completed: 0, failed: 0, last: undefined };
  const run = async () => {
    if (sweeping) return;
    sweeping = true;
    const started = performance.now();
    const { failed } = totals;
    try {
      const last = await sweep(abort.signal);
      totals = { ...totals, completed: totals.completed + 1, last };
      log.debug("Expired entries swept", { what, ...last });
    } catch (error) {
      totals = { ...totals, failed: totals.failed + 1 };
      if (!abort.signal.aborted) log.error("Cannot sweep expired entries", { what, error: toError(error) });
    } finally {
      sweeping = false;
      onSwept?.({ what, seconds: (performance.now() - started) / 1000, ok: totals.failed === failed });
    }
  };
  const timer = seconds > 0 ? setInterval(run, seconds * 1000) : undefined;
  const first = seconds > 0 ? setTimeout(run, Math.min(FIRST_SWEEP, seconds * 1000)) : undefined;
  return {
    sweep: () => void run(),
    get totals() {
      return totals;
    },
    [Symbol.dispose]() {
      abort.abort();
      clearTimeout(first);
      clearInterval(timer);
    },
  };
}
