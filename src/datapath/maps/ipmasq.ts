// SPDX-License-Identifier: Apache-2.0
// cilium_ipmasq_v4 and cilium_ipmasq_v6: prefixes that are not masqueraded.
import { compareCidr, formatCidr, ipFromBytes, ipToBytes, parseCidr } from "../../core/index.ts";
import { removeKeys } from "./expired.ts";
import type { NatPart } from "./nat.ts";
import type { IpmasqMap } from "./nat-types.ts";

const PREFIX_LENGTH_SIZE = 4;

/** Prefixes over both maps. */
export function createIpmasqMap(parts: () => readonly NatPart[]): IpmasqMap {
  const mapOf = (family: 4 | 6) => parts().find((part) => part.family === family)?.map;
  const list = () =>
    parts()
      .flatMap(({ map }) => [...map.keys()].map(decodePrefix))
      .map((prefix) => parseCidr(prefix))
      .toSorted(compareCidr)
      .map(formatCidr);
  return {
    list,
    replace(prefixes) {
      const wanted = new Set(prefixes.map((prefix) => formatCidr(parseCidr(prefix))));
      const held = new Set(list());
      const missing = [...wanted.difference(held)];
      for (const prefix of missing) mapOf(parseCidr(prefix).family)?.update(encodePrefix(prefix), Uint8Array.of(1));
      const extra = [...held.difference(wanted)];
      for (const { map, family } of parts()) {
        const gone = extra.filter((prefix) => parseCidr(prefix).family === family);
        removeKeys(map, gone.map(encodePrefix));
      }
      return missing.length + extra.length > 0;
    },
  };
}

function encodePrefix(prefix: string): Uint8Array {
  const { ip, bits } = parseCidr(prefix);
  const address = ipToBytes(ip);
  const key = new Uint8Array(PREFIX_LENGTH_SIZE + address.length);
  new DataView(key.buffer).setUint32(0, bits, true);
  key.set(address, PREFIX_LENGTH_SIZE);
  return key;
}

function decodePrefix(key: Uint8Array): string {
  const bits = new DataView(key.buffer, key.byteOffset, key.byteLength).getUint32(0, true);
  return `${ipFromBytes(key.subarray(PREFIX_LENGTH_SIZE))}/${bits}`;
}
