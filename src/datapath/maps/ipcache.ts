// SPDX-License-Identifier: Apache-2.0
// The ipcache: whole addresses in a hash (asked first), prefixes in an LPM trie; one list of rows for both.
import {
  decodeIpcacheEntry,
  decodeIpcacheExactKey,
  decodeIpcacheKey,
  encodeIpcacheEntry,
  encodeIpcacheExactKey,
  encodeIpcacheKey,
  IpcacheFlags,
} from "../../abi/index.ts";
import { type Cidr, cidrContains, formatCidr, hostCidr, ip16, ipFamily, parseCidr } from "../../core/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { abiFamily, decodeAddress, familyOf } from "./codec.ts";
import { deleteRows, listRows, type RowCodec, upsertRows } from "./row-map.ts";
import type { IpcacheMap, IpcacheMapKey, IpcacheMapRow } from "./types.ts";

/** Bits of an LPM key before the address: cluster id, padding, family. */
const KEY_PREFIX_BITS = 32;

type Codec = RowCodec<IpcacheMapRow, IpcacheMapKey>;

const exactCodec: Codec = {
  encodeKey(key, into, offset) {
    const { ip } = parseCidr(key.prefix);
    encodeIpcacheExactKey({ clusterId: key.clusterId ?? 0, family: abiFamily(ip), address: ip16(ip) }, into, offset);
  },
  encodeValue,
  decode(bytes, value) {
    const key = decodeIpcacheExactKey(bytes);
    return decodeRow(hostCidr(decodeAddress(key.address, key.family)), key.clusterId, value);
  },
};

const prefixCodec: Codec = {
  encodeKey(key, into, offset) {
    const { ip, bits } = parseCidr(key.prefix);
    const prefixlen = KEY_PREFIX_BITS + bits;
    encodeIpcacheKey(
      { prefixlen, clusterId: key.clusterId ?? 0, family: abiFamily(ip), address: ip16(ip) },
      into,
      offset,
    );
  },
  encodeValue,
  decode(bytes, value) {
    const key = decodeIpcacheKey(bytes);
    const ip = decodeAddress(key.address, key.family);
    const cidr: Cidr = { ip, bits: key.prefixlen - KEY_PREFIX_BITS, family: familyOf(key.family) };
    return decodeRow(formatCidr(cidr), key.clusterId, value);
  },
};

/** Rows over both maps. */
export function createIpcacheMap(exact: BpfMap, prefixes: BpfMap): IpcacheMap {
  const getExact = (key: IpcacheMapKey): IpcacheMapRow | undefined => {
    const bytes = new Uint8Array(exact.keySize);
    exactCodec.encodeKey(key, bytes, 0);
    const value = exact.lookup(bytes);
    return value === undefined ? undefined : exactCodec.decode(bytes, value);
  };
  return {
    upsertMany(rows) {
      const { whole, partial } = split(rows);
      upsertRows(exact, exactCodec, whole);
      upsertRows(prefixes, prefixCodec, partial);
    },
    deleteMany(keys) {
      const { whole, partial } = split(keys);
      return deleteRows(exact, exactCodec, whole) + deleteRows(prefixes, prefixCodec, partial);
    },
    list() {
      return [...listRows(exact, exactCodec), ...listRows(prefixes, prefixCodec)];
    },
    usage(wanted) {
      let [whole, all] = [0, 0];
      for (const prefix of wanted) {
        all++;
        if (isWhole(prefix)) whole++;
      }
      return [
        { map: exact.name, entries: whole, capacity: exact.maxEntries },
        { map: prefixes.name, entries: all - whole, capacity: prefixes.maxEntries },
      ];
    },
    get(key) {
      if (isWhole(key.prefix)) return getExact(key);
      // A look-up in the trie may answer with a shorter prefix, so the wanted one is searched for.
      const prefix = formatCidr(parseCidr(key.prefix));
      return listRows(prefixes, prefixCodec).find(
        (row) => row.prefix === prefix && (row.clusterId ?? 0) === (key.clusterId ?? 0),
      );
    },
    lookup(address) {
      const found = getExact({ prefix: hostCidr(address) });
      if (found !== undefined) return found;
      return listRows(prefixes, prefixCodec)
        .filter((row) => row.clusterId === undefined && cidrContains(row.prefix, address))
        .sort((a, b) => parseCidr(b.prefix).bits - parseCidr(a.prefix).bits)[0];
    },
  };
}

function split<Key extends IpcacheMapKey>(keys: readonly Key[]): { whole: Key[]; partial: Key[] } {
  const whole: Key[] = [];
  const partial: Key[] = [];
  for (const key of keys) (isWhole(key.prefix) ? whole : partial).push(key);
  return { whole, partial };
}

function isWhole(prefix: string): boolean {
  return prefix.endsWith(prefix.includes(":") ? "/128" : "/32");
}

function encodeValue(row: IpcacheMapRow, into: Uint8Array, offset: number): void {
  const tunnel = row.tunnelEndpoint;
  const flags =
    (row.skipTunnel ? IpcacheFlags.IPCACHE_F_SKIP_TUNNEL : 0) |
    (row.remoteCluster ? IpcacheFlags.IPCACHE_F_REMOTE_CLUSTER : 0) |
    (tunnel === undefined ? 0 : IpcacheFlags.IPCACHE_F_HAS_TUNNEL) |
    (tunnel !== undefined && ipFamily(tunnel) === 6 ? IpcacheFlags.IPCACHE_F_IPV6_TUNNEL : 0);
  const tunnelEndpoint = tunnel === undefined ? new Uint8Array(16) : ip16(tunnel);
  encodeIpcacheEntry({ identity: row.identity, encryptKey: row.encryptKey, flags, tunnelEndpoint }, into, offset);
}

function decodeRow(prefix: string, clusterId: number, value: Uint8Array): IpcacheMapRow {
  const entry = decodeIpcacheEntry(value);
  const has = (bit: number) => (entry.flags & bit) !== 0;
  const tunnelFamily = abiFamily(has(IpcacheFlags.IPCACHE_F_IPV6_TUNNEL) ? "::" : "0.0.0.0");
  return {
    prefix,
    ...(clusterId === 0 ? {} : { clusterId }),
    identity: entry.identity,
    ...(has(IpcacheFlags.IPCACHE_F_HAS_TUNNEL)
      ? { tunnelEndpoint: decodeAddress(entry.tunnelEndpoint, tunnelFamily) }
      : {}),
    encryptKey: entry.encryptKey,
    skipTunnel: has(IpcacheFlags.IPCACHE_F_SKIP_TUNNEL),
    remoteCluster: has(IpcacheFlags.IPCACHE_F_REMOTE_CLUSTER),
  };
}
