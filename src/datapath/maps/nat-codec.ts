// SPDX-License-Identifier: Apache-2.0
// Entries of masqueraded flows as rows.
import { abiLayout, decodeNat4Key, decodeNat6Key, decodeNatEntry, NatDirection, NatFlags } from "../../abi/index.ts";
import { ipFrom16, ipFromBytes } from "../../core/index.ts";
import type { NatRow } from "./nat-types.ts";

/** Place of the field that a sweep reads. */
export const natExpiresOffset = abiLayout.nat_entry?.members.expires?.[0] ?? 0;

const directionOffset = {
  4: abiLayout.nat4_key?.members.direction?.[0] ?? 0,
  6: abiLayout.nat6_key?.members.direction?.[0] ?? 0,
} as const;

function decodeNat(family: 4 | 6, keyBytes: Uint8Array, value: Uint8Array): NatRow {
  const { direction, protocol, sourcePort, destinationPort } = decodeKey(family, keyBytes);
  const { source, destination } = keyAddresses(family, keyBytes);
  const { address, port, created, expires, flags } = decodeNatEntry(value);
  return {
    family,
    direction: direction === NatDirection.NAT_OUT ? "out" : "in",
    ...{ protocol, source, sourcePort, destination, destinationPort },
    address: ipFrom16(address, family),
    ...{ port, created, expires },
    host: (flags & NatFlags.NAT_F_HOST) !== 0,
  };
}

/** The rows of an entry: that for answers of a flow whose other direction is in conntrack stands for both. */
export function decodeNatRows(family: 4 | 6, keyBytes: Uint8Array, value: Uint8Array): NatRow[] {
  const row = decodeNat(family, keyBytes, value);
  return (decodeNatEntry(value).flags & NatFlags.NAT_F_TRACKED) === 0 ? [row] : [outgoing(row), row];
}

/** What leaves, of the row of its answers. */
function outgoing(row: NatRow): NatRow {
  return {
    ...row,
    direction: "out",
    source: row.address,
    sourcePort: row.port,
    destination: row.source,
    destinationPort: row.sourcePort,
    address: row.destination,
    port: row.destinationPort,
  };
}

function decodeKey(family: 4 | 6, bytes: Uint8Array) {
  return family === 4 ? decodeNat4Key(bytes) : decodeNat6Key(bytes);
}

function keyAddresses(family: 4 | 6, key: Uint8Array) {
  const size = family === 4 ? 4 : 16;
  return { source: ipFromBytes(key.subarray(0, size)), destination: ipFromBytes(key.subarray(size, 2 * size)) };
}

/** Sender and outer address of an entry's flow as bytes, without decoding the rest. */
export function natParties(family: 4 | 6, key: Uint8Array, value: Uint8Array): readonly [inner: string, outer: string] {
  const size = family === 4 ? 4 : 16;
  const translated = latin1(value, 0, size);
  return key[directionOffset[family]] === NatDirection.NAT_OUT
    ? [latin1(key, 0, size), translated]
    : [translated, latin1(key, size, 2 * size)];
}

/** Bytes as a string to compare and to look up. */
export function latin1(bytes: Uint8Array, from = 0, to = bytes.length): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1", from, to);
}
