// SPDX-License-Identifier: Apache-2.0
// How many flows found a port after how many that were taken: per-CPU counters, summed.
import type { BpfMap } from "../../kernel/index.ts";
import type { NatPart } from "./nat.ts";
import type { NatRetriesMap } from "./nat-types.ts";

/** Each CPU's value is 4 bytes in a slot of 8. */
const SLOT = 8;

/** Counts over both maps. */
export function createNatRetriesMap(parts: () => readonly NatPart[]): NatRetriesMap {
  return {
    list(family) {
      const part = parts().find((each) => each.family === family);
      return part === undefined ? [] : [...part.map.entries()].map(([, value]) => sum(value));
    },
    flush() {
      return parts().map(({ map }) => ({ map: map.name, deleted: clear(map) }));
    },
  };
}

function sum(value: Uint8Array): number {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  let total = 0;
  for (let at = 0; at < value.byteLength; at += SLOT) total += view.getUint32(at, true);
  return total;
}

function clear(map: BpfMap): number {
  let slots = 0;
  for (const [key, value] of map.entries()) {
    map.update(key, new Uint8Array(value.length));
    slots++;
  }
  return slots;
}
