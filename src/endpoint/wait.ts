// SPDX-License-Identifier: Apache-2.0
// Waiting for an endpoint, for callers that answer only when traffic can flow.
import type { Clock, ReadonlyTable } from "../core/index.ts";
import { EndpointError } from "./errors.ts";
import { endpointState } from "./state.ts";
import type { EndpointRow } from "./types.ts";

/** Tells at once that an endpoint's status changed. */
export class SettledSignal {
  readonly #listeners = new Map<number, Set<() => void>>();

  on(id: number, listener: () => void): Disposable {
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    return {
      [Symbol.dispose]: () => {
        listeners.delete(listener);
        if (listeners.size === 0) this.#listeners.delete(id);
      },
    };
  }

  /** Calls the endpoint's listeners when what runs now is done. */
  tell(id: number): void {
    const listeners = this.#listeners.get(id);
    if (listeners === undefined) return;
    queueMicrotask(() => {
      for (const listener of [...listeners]) listener();
    });
  }
}

export interface EndpointWait {
  readonly id: number;
  readonly timeoutMs: number;
  readonly table: ReadonlyTable<EndpointRow, number>;
  readonly clock: Clock;
  readonly settled: SettledSignal;
  /** What has not come yet; undefined: it is all there, and the kernel has to get it. */
  readonly waitingFor: () => string | undefined;
}

/** Resolves with the row once it is ready. Rejects when it goes away or time is up, saying what it waited for. */
export function waitForEndpoint({
  id,
  timeoutMs,
  table,
  clock,
  settled,
  waitingFor,
}: EndpointWait): Promise<EndpointRow> {
  const { promise, resolve, reject } = Promise.withResolvers<EndpointRow>();
  const check = () => {
    const row = table.get(id);
    if (row === undefined) reject(new EndpointError("not-found", `Cannot make endpoint ${id}: deleted meanwhile`));
    else if (endpointState(row.phase, row.status) === "ready") resolve(row);
  };
  // The table tells a turn later, behind whatever else the agent has to read: the one that waits here is a pod.
  const early = settled.on(id, check);
  const watch = table.onChange(check);
  const timer = clock.after(timeoutMs, () => {
    const row = table.get(id);
    const failed = row?.status.kind === "error" ? `: ${row.status.error}` : "";
    const what = waitingFor() ?? `its regeneration${failed}`;
    const waited = `not ready within ${timeoutMs / 1000} s, it waits for ${what}`;
    reject(new EndpointError("timeout", `Cannot make endpoint ${id}: ${waited}`));
  });
  check();
  return promise.finally(() => {
    watch[Symbol.dispose]();
    early[Symbol.dispose]();
    timer[Symbol.dispose]();
  });
}
