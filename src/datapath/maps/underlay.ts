// SPDX-License-Identifier: Apache-2.0
// cilium_underlay4: the ways to other nodes that programs found, which tells whom they sent something to, and when.
import { decodeUnderlay4Way, UNDERLAY4_WAY_SIZE } from "../../abi/index.ts";
import { ipFromBytes } from "../../core/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import type { UnderlayMap } from "./types.ts";

/** Of two nodes in one slot, each CPU knows the one that it sent to last. */
export function createUnderlayMap(map: BpfMap): UnderlayMap {
  return {
    sentToSince(second) {
      const nodes = new Set<string>();
      for (const [, value] of map.entries()) {
        for (let offset = 0; offset + UNDERLAY4_WAY_SIZE <= value.length; offset += UNDERLAY4_WAY_SIZE) {
          const way = decodeUnderlay4Way(value, offset);
          if (way.second > second) nodes.add(ipFromBytes(value.subarray(offset, offset + 4)));
        }
      }
      return nodes;
    },
  };
}
