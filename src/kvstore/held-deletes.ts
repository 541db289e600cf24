// SPDX-License-Identifier: Apache-2.0
// Deletes that wait a moment: what vanished since its lease or the whole store was lost is put back by its owner soon,
// and must not take traffic down meanwhile.
import { type Clock, createLogger, type Logger, systemClock } from "../core/index.ts";
import type { KvChanges, KvEvent } from "./types.ts";

/** How to hold deletes back. */
export interface HeldDeletesOptions {
  /** Gets puts at once, and deletes when the key did not come back in time. */
  readonly apply: (event: KvEvent) => void;
  /** How long any delete waits, ms. An owner that lost its lease puts its keys back well within. Default 5 s. */
  readonly graceMs?: number;
  /** How long what a wiped store lost stays, ms. Default 15 minutes: as long as the lease of a node that is down. */
  readonly lostMs?: number;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** Takes what a `listAndWatch` delivers. Disposing it forgets what waits. */
export class HeldDeletes implements Disposable {
  readonly #apply: (event: KvEvent) => void;
  readonly #graceMs: number;
  readonly #lostMs: number;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Deletes that wait, by key. */
  readonly #held = new Map<string, { readonly event: KvEvent; readonly due: number }>();
  #revision = 0n;
  #timer: Disposable | undefined;
  #timerDue = Number.POSITIVE_INFINITY;

  constructor(options: HeldDeletesOptions) {
    this.#apply = options.apply;
    this.#graceMs = options.graceMs ?? 5_000;
    this.#lostMs = options.lostMs ?? 900_000;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.logger ?? createLogger("kvstore");
  }

  /** Keys whose deletes wait. */
  get size(): number {
    return this.#held.size;
  }

  take(changes: KvChanges): void {
    // Revisions only grow; a store that is behind itself has lost its data, or was restored from a copy.
    const lost = changes.resync && changes.revision < this.#revision;
    this.#revision = changes.revision;
    const deletes = changes.events.filter(({ kind }) => kind === "delete").length;
    if (lost && deletes > 0) this.#log.warn("The store lost data, what was known stays for a while", { keys: deletes });
    const grace = lost ? this.#lostMs : this.#graceMs;
    for (const event of changes.events) {
      if (event.kind === "put") {
        this.#held.delete(event.entry.key);
        this.#apply(event);
      } else if (grace === 0) {
        this.#apply(event);
      } else if (!this.#held.has(event.key)) {
        this.#held.set(event.key, { event, due: this.#clock.monotonic() + grace });
      }
    }
    this.#arm();
  }

  [Symbol.dispose](): void {
    this.#held.clear();
    this.#arm();
  }

  #arm(): void {
    let due = Number.POSITIVE_INFINITY;
    for (const held of this.#held.values()) due = Math.min(due, held.due);
    if (due === this.#timerDue) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#timerDue = due;
    if (this.#held.size === 0) return;
    this.#timer = this.#clock.after(Math.max(0, due - this.#clock.monotonic()), () => this.#release());
  }

  #release(): void {
    this.#timerDue = Number.POSITIVE_INFINITY;
    const now = this.#clock.monotonic();
    for (const [key, { event, due }] of this.#held) {
      // Timers may be early by the part of a millisecond.
      if (due > now + 1) continue;
      this.#held.delete(key);
      this.#apply(event);
    }
    this.#arm();
  }
}
