// SPDX-License-Identifier: Apache-2.0
// Everything under a prefix and then its changes, for ever: lists again after a broken stream or a compaction and
// makes up for what was missed.
import { type Clock, errorChain, type Logger } from "../core/index.ts";
import type { BackendConnection } from "./backend-types.ts";
import { KvCompactedError } from "./errors.ts";
import type { KvChanges, KvEntry, KvEvent, KvList } from "./types.ts";
import { Backoff, pause } from "./wait.ts";

/** What the loop needs. */
export interface ListWatchContext {
  readonly connection: Pick<BackendConnection, "list" | "watch" | "onReconnect">;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Ends when the signal aborts, never with an error. */
export async function* listAndWatch(context: ListWatchContext, prefix: string): AsyncGenerator<KvChanges, void> {
  const { connection, signal } = context;
  const failures = new FailurePacer(context, prefix);
  let known: Map<string, KvEntry> | undefined;
  while (!signal.aborted) {
    try {
      const list = await connection.list(prefix);
      const events = known === undefined ? list.items.map(putEvent) : difference(known, list);
      const initial = known === undefined;
      known = new Map(list.items.map((entry) => [entry.key, entry]));
      yield { initial, resync: !initial, events, revision: list.revision };
      for await (const batch of connection.watch(prefix, { fromRevision: list.revision + 1n, signal })) {
        failures.reset();
        apply(known, batch.events);
        if (batch.events.length > 0) yield { initial: false, resync: false, ...batch };
      }
      if (!signal.aborted) await failures.wait(undefined);
    } catch (error) {
      if (!signal.aborted) await failures.wait(error);
    }
  }
}

/** What turns the known state into the listed one. */
export function difference(known: ReadonlyMap<string, KvEntry>, list: KvList): KvEvent[] {
  const gone = new Set(known.keys());
  const events: KvEvent[] = [];
  for (const entry of list.items) {
    gone.delete(entry.key);
    const before = known.get(entry.key);
    // Revisions begin anew when the store was wiped, so that they alone do not tell.
    if (before?.modRevision === entry.modRevision && before.value === entry.value) continue;
    events.push(putEvent(entry));
  }
  const deletes: KvEvent[] = Array.from(gone, (key) => ({ kind: "delete", key, revision: list.revision }));
  return [...deletes, ...events];
}

function putEvent(entry: KvEntry): KvEvent {
  return { kind: "put", entry };
}

function apply(known: Map<string, KvEntry>, events: readonly KvEvent[]): void {
  for (const event of events) {
    if (event.kind === "put") known.set(event.entry.key, event.entry);
    else known.delete(event.key);
  }
}

/** Waits between tries, and logs a reason once, not at each try. */
class FailurePacer {
  readonly #context: ListWatchContext;
  readonly #prefix: string;
  readonly #backoff = new Backoff();
  #lastReason: string | undefined;

  constructor(context: ListWatchContext, prefix: string) {
    this.#context = context;
    this.#prefix = prefix;
  }

  reset(): void {
    this.#backoff.reset();
    this.#lastReason = undefined;
  }

  /** Ends early when the store answers again: nobody is to learn late what happened while it did not. */
  async wait(error: unknown): Promise<void> {
    const { clock, connection, log, signal } = this.#context;
    const reason = error === undefined ? "the stream ended" : errorChain(error);
    if (error instanceof KvCompactedError) log.info("Watch compacted, listing again", { prefix: this.#prefix });
    else if (reason !== this.#lastReason) log.warn("Watch broken, listing again", { prefix: this.#prefix, reason });
    this.#lastReason = reason;
    const back = new AbortController();
    using _ = connection.onReconnect(() => back.abort());
    await pause(clock, this.#backoff.next(), AbortSignal.any([signal, back.signal]));
  }
}
