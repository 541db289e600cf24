// SPDX-License-Identifier: Apache-2.0
// Keys of others that cannot be used: skipped, counted and named; they never stop anything.
import { type Counter, createLogger, type Gauge, type Logger, type Metrics } from "../core/index.ts";

/** A key that is skipped. */
export interface PoisonedKey {
  readonly key: string;
  readonly reason: string;
}

/** Keeps the names of the keys that are skipped now. */
export interface PoisonReport {
  /** Skips a key; logged once for each reason. */
  skip(key: string, reason: string): void;
  /** The key is right again, or gone. */
  clear(key: string): void;
  /** Keys skipped now; at most the first thousand. */
  list(): readonly PoisonedKey[];
  /** How many are skipped now. */
  readonly size: number;
}

/** Most names that are kept and logged; beyond that keys are only counted. */
const limit = 1000;
const instruments = new WeakMap<Metrics, { readonly skipped: Counter; readonly present: Gauge }>();

/** A report about the keys of one kind, such as `nodes`. */
export function createPoisonReport(kind: string, deps: { logger?: Logger; metrics?: Metrics } = {}): PoisonReport {
  const log = deps.logger ?? createLogger("kvstore");
  const metrics = deps.metrics === undefined ? undefined : instrumentsOf(deps.metrics);
  const reasons = new Map<string, string>();
  const changed = () => metrics?.present.set(reasons.size, { kind });
  return {
    skip(key, reason) {
      const name = shorten(key);
      metrics?.skipped.inc({ kind });
      if (reasons.get(name) === reason) return;
      if (reasons.size >= limit && !reasons.has(name)) return;
      reasons.set(name, reason);
      // Not `key`: a field of that name is taken for a secret.
      log.warn("Key skipped", { kind, path: name, reason });
      if (reasons.size === limit) log.warn("Further skipped keys are only counted", { kind, limit });
      changed();
    },
    clear(key) {
      if (reasons.size > 0 && reasons.delete(shorten(key))) changed();
    },
    list: () => Array.from(reasons, ([key, reason]) => ({ key, reason })),
    get size() {
      return reasons.size;
    },
  };
}

function instrumentsOf(metrics: Metrics) {
  const known = instruments.get(metrics);
  if (known !== undefined) return known;
  const labels = ["kind"];
  const made = {
    skipped: metrics.counter({
      name: "kvstore_skipped_keys_total",
      help: "Values of others in the key-value store that could not be used",
      labels,
    }),
    present: metrics.gauge({ name: "kvstore_skipped_keys", help: "Keys that are skipped now", labels }),
  };
  instruments.set(metrics, made);
  return made;
}

function shorten(key: string): string {
  return key.length <= 256 ? key : `${key.slice(0, 253)}...`;
}
