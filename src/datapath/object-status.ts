// SPDX-License-Identifier: Apache-2.0
// What the datapath keeps in the kernel, and how that goes: one row a device, address, route, sysctl or link.
import { errorChain, toError } from "../core/index.ts";
import type { DatapathObjectRow } from "./types.ts";

/** Rows by kind and name. */
export class ObjectStatus {
  readonly #rows = new Map<string, DatapathObjectRow>();
  readonly #onRepair: (row: DatapathObjectRow, noted: boolean) => void;
  /** Errors of the pass that runs. */
  #errors: Error[] = [];
  #seen = new Set<string>();
  /** When the last pass ended. */
  #passedAt = 0;

  /**
   * `onRepair` hears of what was put right after it had been in place, of what failed for the first time, and of what was
   * noted.
   */
  constructor(onRepair: (row: DatapathObjectRow, noted: boolean) => void) {
    this.#onRepair = onRepair;
  }

  rows(): readonly DatapathObjectRow[] {
    return Array.from(this.#rows.values(), (row) => {
      return row.state === "done" ? { ...row, doneAt: Math.max(row.since, this.#passedAt) } : row;
    });
  }

  /** Whether anything failed since the last pass began. */
  get failing(): boolean {
    return this.#errors.length > 0;
  }

  /** Begins a pass: rows that it does not touch are gone at its end. */
  begin(): void {
    this.#errors = [];
    this.#seen = new Set();
  }

  /** Ends a pass; returns its errors. */
  end(): readonly Error[] {
    for (const key of this.#rows.keys()) if (!this.#seen.has(key)) this.#rows.delete(key);
    this.#passedAt = Date.now();
    return this.#errors;
  }

  /** Runs `ensure`, which says whether it had to change anything; an error goes into the row, not to the caller. */
  keep(kind: DatapathObjectRow["kind"], name: string, ensure: () => boolean): void {
    const key = `${kind} ${name}`;
    this.#seen.add(key);
    const before = this.#rows.get(key);
    try {
      const changed = ensure();
      const repaired = changed && before !== undefined;
      if (before?.state === "done" && !repaired) return;
      const repairs = (before?.repairs ?? 0) + (repaired ? 1 : 0);
      const failed = before?.failedAt === undefined ? {} : { failedAt: before.failedAt };
      this.#set(key, { kind, name, state: "done", since: Date.now(), repairs, failures: 0, ...failed }, repaired);
    } catch (thrown) {
      this.#errors.push(toError(thrown));
      const row = this.#failed({ kind, name, error: errorChain(thrown) }, before);
      this.#set(key, row, before?.error !== row.error);
    }
  }

  #failed(failure: Pick<DatapathObjectRow, "kind" | "name"> & { error: string }, before?: DatapathObjectRow) {
    const now = Date.now();
    const doneAt = before?.state === "done" ? Math.max(before.since, this.#passedAt) : before?.doneAt;
    return {
      ...failure,
      state: "error" as const,
      since: before?.error === failure.error ? before.since : now,
      repairs: before?.repairs ?? 0,
      failures: (before?.failures ?? 0) + 1,
      ...(doneAt === undefined ? {} : { doneAt }),
      failedAt: now,
    };
  }

  /** Records what is not as configured, and is no failure of the pass. */
  note(kind: DatapathObjectRow["kind"], name: string, error: string): void {
    const key = `${kind} ${name}`;
    this.#seen.add(key);
    if (this.#rows.get(key)?.error === error) return;
    const now = Date.now();
    const row = { kind, name, state: "error" as const, since: now, repairs: 0, failures: 1, failedAt: now, error };
    this.#rows.set(key, row);
    this.#onRepair(row, true);
  }

  #set(key: string, row: DatapathObjectRow, report: boolean): void {
    this.#rows.set(key, row);
    if (report) this.#onRepair(row, false);
  }
}
