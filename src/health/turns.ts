// SPDX-License-Identifier: Apache-2.0
// Gives targets their turns by the clock, as the schedule says.
import type { Clock } from "../core/index.ts";
import { ProbeSchedule, type ScheduleOptions } from "./schedule.ts";

/** What is done with the target whose turn it is; a promise holds the next turn up and must not reject. */
export type Turn = (key: string) => Promise<void> | void;

/** Nothing happens before start(). */
export class Turns implements Disposable {
  readonly #schedule: ProbeSchedule;
  readonly #clock: Clock;
  readonly #turn: Turn;
  #timer: Disposable | undefined;
  #running = false;
  #busy = false;

  constructor(options: ScheduleOptions, clock: Clock, turn: Turn) {
    this.#schedule = new ProbeSchedule(options);
    this.#clock = clock;
    this.#turn = turn;
  }

  /** How long a round takes now, ms. */
  get intervalMs(): number {
    return this.#schedule.intervalMs;
  }

  /** Each of them is fine when it is (not) there already. */
  add(key: string): void {
    this.#schedule.add(key);
    this.#arm();
  }

  remove(key: string): void {
    this.#schedule.remove(key);
    this.#arm();
  }

  /** The same if nobody were preferred, ms. */
  get plainIntervalMs(): number {
    return this.#schedule.plainIntervalMs;
  }

  /** Whether being preferred makes a difference. */
  get isTight(): boolean {
    return this.#schedule.isTight;
  }

  /** Who keeps the shortest round, whatever the number of the others. */
  prefer(keys: Iterable<string>): void {
    this.#schedule.prefer(keys);
  }

  start(): void {
    this.#running = true;
    this.#arm();
  }

  [Symbol.dispose](): void {
    this.#running = false;
    this.#timer?.[Symbol.dispose]();
  }

  #arm(): void {
    const dueAt = this.#schedule.dueAt();
    if (!this.#running || this.#busy) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (dueAt === undefined) return;
    const wait = Math.max(0, Math.ceil(dueAt - this.#clock.monotonic()));
    this.#timer = this.#clock.after(wait, () => void this.#next());
  }

  async #next(): Promise<void> {
    const key = this.#schedule.take(this.#clock.monotonic());
    if (key !== undefined) {
      this.#busy = true;
      await this.#turn(key);
      this.#busy = false;
    }
    this.#arm();
  }
}
