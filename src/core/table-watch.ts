// SPDX-License-Identifier: Apache-2.0
// A pull-side watcher: an async iterator of merged batches, for consumers that may be slow.

import { PendingChanges } from "./table-changes.ts";
import type { Batch, TableKey } from "./table-types.ts";

/** What a watcher needs from its table. */
export interface WatchSource<Row, Key extends TableKey> {
  readonly key: (row: Row) => Key;
  readonly subscribe: (listener: (batch: Batch<Row>) => void) => Disposable;
  /** Rows at the time of subscription; undefined when the watcher wants changes only. */
  readonly initial: Batch<Row> | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Subscribes at once and iterates over batches until the signal aborts or the consumer leaves the loop. */
export function watchBatches<Row, Key extends TableKey>(
  source: WatchSource<Row, Key>,
): AsyncGenerator<Batch<Row>, void, void> {
  const { signal } = source;
  const pending = new PendingChanges<Row, Key>();
  let wake = () => {};
  const subscription = source.subscribe((batch) => {
    pending.addBatch(batch, source.key);
    wake();
  });
  const onAbort = () => {
    subscription[Symbol.dispose]();
    wake();
  };
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });

  return (async function* iterate(): AsyncGenerator<Batch<Row>, void, void> {
    try {
      if (source.initial !== undefined && signal?.aborted !== true) yield source.initial;
      while (signal?.aborted !== true) {
        if (pending.size > 0) yield pending.take();
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      subscription[Symbol.dispose]();
    }
  })();
}
