// SPDX-License-Identifier: Apache-2.0
// When whom to probe: everybody in turn, evenly spread, never faster than the rate, newcomers first. When there are more
// than the rate allows in the shortest round, those that are preferred keep that one and the others share the rest. Pure.
import { probeProtocols } from "./types.ts";

export interface ScheduleOptions {
  /** Most probes a second, whatever the number of targets. */
  readonly rate: number;
  /** A round takes at least this long, ms. */
  readonly minIntervalMs: number;
}

/** Of the turns that the preferred may have while others wait, at most four of five. */
const preferredInARow = 4;

/** Targets by key. Each has a turn a round; the rounds grow with their number. */
export class ProbeSchedule {
  readonly #options: ScheduleOptions;
  /** In turn: the first one is next. */
  readonly #turns = new Set<string>();
  /** Not probed yet. */
  readonly #new = new Set<string>();
  /** Who is preferred, with the time of the last turn, in turn. */
  #preferred: Map<string, number> = new Map();
  #inARow = 0;
  /** Time of the last turn. */
  #last = Number.NEGATIVE_INFINITY;

  constructor(options: ScheduleOptions) {
    this.#options = options;
  }

  /** How long the longest round takes now, ms: that of all, or of those who are preferred if they are too many. */
  get intervalMs(): number {
    const { minIntervalMs } = this.#options;
    if (!this.isTight) return minIntervalMs;
    const [preferred, others] = [this.#preferred.size, this.#size - this.#preferred.size];
    const most = preferredInARow / (preferredInARow + 1) / this.#fastest;
    const share = others === 0 ? 1 / this.#fastest : Math.min(most, preferred / minIntervalMs);
    const rounds = [others / (1 / this.#fastest - share || 1), preferred === 0 ? 0 : preferred / share];
    return Math.max(minIntervalMs, ...rounds);
  }

  /** The same if nobody were preferred, ms: about what others do who prefer others. */
  get plainIntervalMs(): number {
    return Math.max(this.#options.minIntervalMs, this.#size * this.#fastest);
  }

  /** Whether the rate does not allow all of them a turn in the shortest round: being preferred makes a difference. */
  get isTight(): boolean {
    return this.#size * this.#fastest > this.#options.minIntervalMs;
  }

  /** A newcomer comes before all others; one that is there keeps its turn. */
  add(key: string): void {
    if (!this.#turns.has(key)) this.#new.add(key);
  }

  remove(key: string): void {
    this.#turns.delete(key);
    this.#new.delete(key);
    this.#preferred.delete(key);
  }

  /** Who keeps the shortest round from now on, nobody else; keys that are not there are left out. */
  prefer(keys: Iterable<string>): void {
    const wanted = new Set([...keys].filter((key) => this.#turns.has(key) || this.#new.has(key)));
    const before = [...this.#preferred].filter(([key]) => wanted.has(key));
    const fresh = [...wanted].filter((key) => !this.#preferred.has(key));
    this.#preferred = new Map([...fresh.map((key) => [key, Number.NEGATIVE_INFINITY] as const), ...before]);
  }

  /** Whose turn it is at `now`, if anybody's; ask again at `dueAt()`. */
  take(now: number): string | undefined {
    const due = this.dueAt();
    if (due === undefined || now < due) return undefined;
    const key = this.#next(due);
    this.#new.delete(key);
    this.#turns.delete(key);
    this.#turns.add(key);
    if (this.#preferred.delete(key)) this.#preferred.set(key, due);
    // A pause (a suspended machine) is not made up for.
    this.#last = Math.max(due, now - this.#gap);
    return key;
  }

  /** When `take()` gives the next one; undefined without targets. Sooner, when there is a newcomer. */
  dueAt(): number | undefined {
    return this.#size === 0 ? undefined : this.#last + this.#gap;
  }

  #next(now: number): string {
    const [preferred] = this.#preferred;
    const isDue = preferred !== undefined && this.isTight && preferred[1] + this.#options.minIntervalMs <= now;
    this.#inARow = isDue && this.#inARow < preferredInARow ? this.#inARow + 1 : 0;
    if (preferred !== undefined && this.#inARow > 0) return preferred[0];
    const [key = ""] = this.#new.size > 0 ? this.#new : this.#turns;
    return key;
  }

  /** Newcomers are probed as fast as the rate allows, the others once a round. */
  get #gap(): number {
    return this.#new.size > 0 || this.isTight ? this.#fastest : this.#options.minIntervalMs / this.#size;
  }

  /** From one turn to the next, ms, when the rate is used up. */
  get #fastest(): number {
    return (probeProtocols.length / this.#options.rate) * 1000;
  }

  get #size(): number {
    return this.#turns.size + this.#new.size;
  }
}
