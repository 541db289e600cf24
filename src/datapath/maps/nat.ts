// SPDX-License-Identifier: Apache-2.0
// The maps of masqueraded flows: list, flush, and the sweep that frees what has ended.
import { ipToBytes } from "../../core/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { sweepMaps } from "./expired.ts";
import { decodeNatRows, latin1, natExpiresOffset, natParties } from "./nat-codec.ts";
import type { NatMap, NatOwners } from "./nat-types.ts";
import type { SweepResult } from "./types.ts";

/** One of the maps and its family. */
export interface NatPart {
  readonly map: BpfMap;
  readonly family: 4 | 6;
}

/** Rows over both maps. */
export function createNatMap(parts: () => readonly NatPart[]): NatMap {
  return {
    list(family) {
      return parts()
        .filter((part) => family === undefined || part.family === family)
        .flatMap((part) => [...part.map.entries()].flatMap(([key, value]) => decodeNatRows(part.family, key, value)));
    },
    flush() {
      return parts().map(({ map }) => ({ map: map.name, deleted: map.clear() }));
    },
    async sweep(owners, signal) {
      const swept: SweepResult[] = [];
      for (const { map, family } of parts()) {
        swept.push(
          await sweepMaps([map], { expiresOffset: natExpiresOffset, isGone: isOrphan(family, owners), signal }),
        );
      }
      const sum = (field: keyof SweepResult) => swept.reduce((total, result) => total + result[field], 0);
      return { scanned: sum("scanned"), deleted: sum("deleted"), duration: sum("duration") };
    },
  };
}

/** Whether the flow's sender or its outer address is gone. The node's own flows are sent by such an address. */
function isOrphan(family: 4 | 6, { pods, addresses }: NatOwners): (key: Uint8Array, value: Uint8Array) => boolean {
  const bytes = (ips: ReadonlySet<string>) => [...ips].map((ip) => latin1(ipToBytes(ip)));
  const outer = new Set(bytes(addresses));
  const inner = new Set([...bytes(pods), ...outer]);
  return (key, value) => {
    const [sender, seen] = natParties(family, key, value);
    return !inner.has(sender) || !outer.has(seen);
  };
}
