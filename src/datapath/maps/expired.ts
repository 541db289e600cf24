// SPDX-License-Identifier: Apache-2.0
// Deletes entries that have expired: they are dead already, and only take room.
import { setImmediate as nextTurn } from "node:timers/promises";
import { type BpfMap, ktimeNs } from "../../kernel/index.ts";
import type { SweepResult } from "./types.ts";

/** Entries looked at between two turns of the event loop: about a millisecond. */
const SWEEP_BATCH = 2048;

export interface SweepOptions {
  /** Where an entry's value says when it expires: 32 bits, seconds of CLOCK_MONOTONIC. */
  readonly expiresOffset: number;
  /** What else is to go. */
  readonly isGone?: (key: Uint8Array, value: Uint8Array) => boolean;
  /** Seconds of CLOCK_MONOTONIC. */
  readonly now?: () => number;
  readonly signal?: AbortSignal | undefined;
}

/** Sweeps maps one after another. Others write to them meanwhile. */
export async function sweepMaps(maps: readonly BpfMap[], options: SweepOptions): Promise<SweepResult> {
  const start = performance.now();
  let scanned = 0;
  let deleted = 0;
  for (const map of maps) {
    const swept = await sweep(map, options);
    scanned += swept.scanned;
    deleted += swept.deleted;
  }
  return { scanned, deleted, duration: performance.now() - start };
}

async function sweep(map: BpfMap, options: SweepOptions): Promise<Omit<SweepResult, "duration">> {
  const { expiresOffset, isGone, now = monotonicSeconds, signal } = options;
  let scanned = 0;
  let deleted = 0;
  let expired: Uint8Array[] = [];
  let second = now();
  for (const [key, value] of map.entries({ batchSize: SWEEP_BATCH })) {
    scanned++;
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    if (view.getUint32(expiresOffset, true) < second || isGone?.(key, value) === true) expired.push(key);
    if (scanned % SWEEP_BATCH !== 0) continue;
    deleted += removeKeys(map, expired);
    expired = [];
    await nextTurn();
    if (signal?.aborted === true) return { scanned, deleted };
    second = now();
  }
  return { scanned, deleted: deleted + removeKeys(map, expired) };
}

/** Deletes these keys; returns how many were there. */
export function removeKeys(map: BpfMap, keys: readonly Uint8Array[]): number {
  return keys.length === 0 ? 0 : map.deleteBatch(Buffer.concat(keys), keys.length);
}

function monotonicSeconds(): number {
  return Number(ktimeNs() / 1_000_000_000n);
}
