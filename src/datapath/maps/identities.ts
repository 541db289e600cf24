// SPDX-License-Identifier: Apache-2.0
// cilium_identities: which identities of pods the policy sets know.
import { KNOWN_IDENTITIES_COMPLETE } from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { createRowMap, type RowCodec } from "./row-map.ts";
import type { IdentitiesMap } from "./types.ts";

const view = (bytes: Uint8Array, offset = 0) => new DataView(bytes.buffer, bytes.byteOffset + offset);

const codec: RowCodec<number, number> = {
  encodeKey(identity, into, offset) {
    view(into, offset).setUint32(0, identity, true);
  },
  encodeValue() {},
  decode(key) {
    const identity = view(key).getUint32(0, true);
    return identity === KNOWN_IDENTITIES_COMPLETE ? undefined : identity;
  },
};

/** Identities over cilium_identities; values stay zero. */
export function createIdentitiesMap(map: BpfMap): IdentitiesMap {
  const rows = createRowMap<number, number>(map, codec);
  return {
    ...rows,
    setComplete(complete) {
      if (complete) rows.upsertMany([KNOWN_IDENTITIES_COMPLETE]);
      else rows.deleteMany([KNOWN_IDENTITIES_COMPLETE]);
    },
  };
}
