// SPDX-License-Identifier: Apache-2.0
// The four conntrack maps: list, flush, and the sweep that frees what has expired.
import { setImmediate as nextTurn } from "node:timers/promises";
import { type BpfMap, ktimeNs } from "../../kernel/index.ts";
import { decodeConntrack, expiresOffset } from "./conntrack-codec.ts";
import type { ConntrackMap, ConntrackRow, SweepResult } from "./types.ts";

/** One of the maps with what its entries are. */
export interface ConntrackPart {
  readonly map: BpfMap;
  readonly family: 4 | 6;
  readonly table: ConntrackRow["table"];
}

/** Entries looked at between two turns of the event loop: about a millisecond. */
const SWEEP_BATCH = 2048;

/** Rows over all four maps. `now` gives seconds of CLOCK_MONOTONIC. */
export function createConntrackMap(parts: () => readonly ConntrackPart[], now = monotonicSeconds): ConntrackMap {
  return {
    list(family) {
      return parts()
        .filter((part) => family === undefined || part.family === family)
        .flatMap((part) =>
          [...part.map.entries()].map(([key, value]) => decodeConntrack(part.family, part.table, key, value)),
        );
    },
    flush() {
      return parts().map(({ map }) => ({ map: map.name, deleted: map.clear() }));
    },
    deleteWhere(predicate) {
      let deleted = 0;
      for (const { map, family, table } of parts()) {
        const doomed: Uint8Array[] = [];
        for (const [key, value] of map.entries()) {
          if (predicate(decodeConntrack(family, table, key, value))) doomed.push(key);
        }
        deleted += remove(map, doomed);
      }
      return deleted;
    },
    async sweepExpired(signal) {
      const start = performance.now();
      let scanned = 0;
      let deleted = 0;
      for (const { map } of parts()) {
        const swept = await sweep(map, now, signal);
        scanned += swept.scanned;
        deleted += swept.deleted;
      }
      return { scanned, deleted, duration: performance.now() - start };
    },
  };
}

async function sweep(map: BpfMap, now: () => number, signal?: AbortSignal): Promise<Omit<SweepResult, "duration">> {
  let scanned = 0;
  let deleted = 0;
  let expired: Uint8Array[] = [];
  let second = now();
  for (const [key, value] of map.entries({ batchSize: SWEEP_BATCH })) {
    scanned++;
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    if (view.getUint32(expiresOffset, true) < second) expired.push(key);
    if (scanned % SWEEP_BATCH !== 0) continue;
    deleted += remove(map, expired);
    expired = [];
    await nextTurn();
    if (signal?.aborted === true) return { scanned, deleted };
    second = now();
  }
  return { scanned, deleted: deleted + remove(map, expired) };
}

function remove(map: BpfMap, keys: readonly Uint8Array[]): number {
  return keys.length === 0 ? 0 : map.deleteBatch(Buffer.concat(keys), keys.length);
}

function monotonicSeconds(): number {
  return Number(ktimeNs() / 1_000_000_000n);
}
