// SPDX-License-Identifier: Apache-2.0
// cilium_ipmasq_v4 and cilium_ipmasq_v6: prefixes that are not masqueraded.
import { CiliumError, compareCidr, formatCidr, ipFromBytes, ipToBytes, parseCidr } from "../../core/index.ts";
import { removeKeys } from "./expired.ts";
import type { NatPart } from "./nat.ts";
import type { IpmasqMap } from "./nat-types.ts";

const PREFIX_LENGTH_SIZE = 4;

/** Prefixes over both maps. */
export function createIpmasqMap(parts: () => readonly NatPart[]): IpmasqMap {
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
      // All or nothing: what does not fit is told before anything is written.
      const changes = parts().map((part) => changesOf(part, wanted, held));
      for (const { map, missing, extra, fitBeside } of changes) {
        // What stays excluded is so throughout; only a map without room for both makes room first.
        if (!fitBeside) removeKeys(map, extra);
        for (const key of missing) map.update(key, Uint8Array.of(1));
        if (fitBeside) removeKeys(map, extra);
      }
      return changes.some(({ missing, extra }) => missing.length + extra.length > 0);
    },
  };
}

/** What makes one map hold the wanted prefixes of its family. Throws CiliumError when it cannot hold so many. */
function changesOf({ map, family }: NatPart, wanted: ReadonlySet<string>, held: ReadonlySet<string>) {
  const own = (prefixes: Iterable<string>) => [...prefixes].filter((prefix) => parseCidr(prefix).family === family);
  const count = own(wanted).length;
  if (count > map.maxEntries) {
    throw new CiliumError(
      `Cannot exclude ${count} IPv${family} prefixes from masquerading: at most ${map.maxEntries} (sum some of them up)`,
    );
  }
  const missing = own(wanted.difference(held)).map(encodePrefix);
  const extra = own(held.difference(wanted)).map(encodePrefix);
  return { map, missing, extra, fitBeside: count + extra.length <= map.maxEntries };
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
