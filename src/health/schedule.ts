// SPDX-License-Identifier: Apache-2.0
// When whom to probe: everybody in turn, evenly spread, never faster than the rate, newcomers first. Pure.
import { probeProtocols } from "./types.ts";

export interface ScheduleOptions {
  /** Most probes a second, whatever the number of targets. */
  readonly rate: number;
  /** A round takes at least this long, ms. */
  readonly minIntervalMs: number;
}

/** Targets by key. Each has a turn a round; the rounds grow with their number. */
export class ProbeSchedule {
  readonly #options: ScheduleOptions;
  /** In turn: the first one is next. */
  readonly #turns = new Set<string>();
  /** Not probed yet. */
  readonly #new = new Set<string>();
  /** Time of the last turn. */
  #last = Number.NEGATIVE_INFINITY;

  constructor(options: ScheduleOptions) {
    this.#options = options;
  }

  /** How long a round takes now, ms. */
  get intervalMs(): number {
    const probes = this.#size * probeProtocols.length;
    return Math.max(this.#options.minIntervalMs, (probes / this.#options.rate) * 1000);
  }

  /** A newcomer comes before all others; one that is there keeps its turn. */
  add(key: string): void {
    if (!this.#turns.has(key)) this.#new.add(key);
  }

  remove(key: string): void {
    this.#turns.delete(key);
    this.#new.delete(key);
  }

  /** Whose turn it is at `now`, if anybody's; ask again at `dueAt()`. */
  take(now: number): string | undefined {
    const due = this.dueAt();
    if (due === undefined || now < due) return undefined;
    const [key = ""] = this.#new.size > 0 ? this.#new : this.#turns;
    this.#new.delete(key);
    this.#turns.delete(key);
    this.#turns.add(key);
    // A pause (a suspended machine) is not made up for.
    this.#last = Math.max(due, now - this.#gap);
    return key;
  }

  /** When `take()` gives the next one; undefined without targets. Sooner, when there is a newcomer. */
  dueAt(): number | undefined {
    return this.#size === 0 ? undefined : this.#last + this.#gap;
  }

  /** Newcomers are probed as fast as the rate allows, the others once a round. */
  get #gap(): number {
    return this.#new.size > 0 ? (probeProtocols.length / this.#options.rate) * 1000 : this.intervalMs / this.#size;
  }

  get #size(): number {
    return this.#turns.size + this.#new.size;
  }
}
