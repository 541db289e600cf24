// SPDX-License-Identifier: Apache-2.0
// The four conntrack maps: list, flush, and the sweep that frees what has expired.
import type { BpfMap } from "../../kernel/index.ts";
import { decodeConntrack, expiresOffset } from "./conntrack-codec.ts";
import { removeKeys, sweepMaps } from "./expired.ts";
import type { ConntrackMap, ConntrackRow, MapUsage } from "./types.ts";

/** One of the maps with what its entries are. */
export interface ConntrackPart {
  readonly map: BpfMap;
  readonly family: 4 | 6;
  readonly table: ConntrackRow["table"];
}

/** Rows over all four maps. `now` gives seconds of CLOCK_MONOTONIC. */
export function createConntrackMap(parts: () => readonly ConntrackPart[], now?: () => number): ConntrackMap {
  /** Entries that the last sweep left. */
  const left = new Map<string, MapUsage>();
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
        deleted += removeKeys(map, doomed);
      }
      return deleted;
    },
    async sweepExpired(signal) {
      const sum = { scanned: 0, deleted: 0, duration: 0 };
      for (const { map } of parts()) {
        const { scanned, deleted, duration } = await sweepMaps([map], { expiresOffset, signal, ...(now && { now }) });
        if (signal?.aborted !== true)
          left.set(map.name, { map: map.name, entries: scanned - deleted, capacity: map.maxEntries });
        sum.scanned += scanned;
        sum.deleted += deleted;
        sum.duration += duration;
      }
      return sum;
    },
    usage: () => [...left.values()],
  };
}
