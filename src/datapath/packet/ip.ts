// SPDX-License-Identifier: Apache-2.0
// IPv4 with options, IPv6 with its extension headers.
import { ipFromBytes } from "../../core/index.ts";
import type { Cursor, Header } from "./cursor.ts";
import type { Ip, Ipv4, Ipv6 } from "./types.ts";

/** By the version in the first four bits. */
export function parseIp(cursor: Cursor): Ip | undefined {
  const version = (cursor.peek(1)?.u8(0) ?? 0) >> 4;
  if (version === 4) return parseIpv4(cursor);
  if (version === 6) return parseIpv6(cursor);
  return undefined;
}

/** Passes over the header and its options; nothing when the header length is impossible. */
export function parseIpv4(cursor: Cursor): Ipv4 | undefined {
  const fixed = cursor.peek(20);
  if (fixed === undefined) return undefined;
  const headerLength = (fixed.u8(0) & 0xf) * 4;
  if (fixed.u8(0) >> 4 !== 4 || headerLength < 20) return undefined;
  // Options cut off by the capture leave the header itself readable.
  if (cursor.take(headerLength) === undefined) cursor.take(cursor.remaining);
  const fragment = fixed.u16(6);
  return {
    version: 4,
    source: ipFromBytes(fixed.slice(12, 4)),
    destination: ipFromBytes(fixed.slice(16, 4)),
    protocol: fixed.u8(9),
    ttl: fixed.u8(8),
    tos: fixed.u8(1),
    length: fixed.u16(2),
    id: fixed.u16(4),
    dontFragment: (fragment & 0x4000) !== 0,
    moreFragments: (fragment & 0x2000) !== 0,
    fragmentOffset: (fragment & 0x1fff) * 8,
  };
}

/** Extension headers and how long each is. */
const extensionLength: ReadonlyMap<number, (header: Header) => number> = new Map([
  [0, byEights],
  [43, byEights],
  [44, () => 8],
  [51, (header) => (header.u8(1) + 2) * 4],
  [60, byEights],
  [135, byEights],
]);

/** Whether the number is that of an IPv6 extension header which `parseIpv6` passes over. */
export function isExtension(protocol: number): boolean {
  return extensionLength.has(protocol);
}

function byEights(header: Header): number {
  return (header.u8(1) + 1) * 8;
}

/** Passes over the header and all whole extension headers; each takes 8 bytes at least, so the loop ends. */
export function parseIpv6(cursor: Cursor): Ipv6 | undefined {
  const fixed = cursor.take(40);
  if (fixed === undefined || fixed.u8(0) >> 4 !== 6) return undefined;
  const extensions: number[] = [];
  let protocol = fixed.u8(6);
  let fragment = 0;
  for (;;) {
    const lengthOf = extensionLength.get(protocol);
    // Behind a later fragment's header comes the middle of something.
    if (lengthOf === undefined || fragment >> 3 !== 0) break;
    const start = cursor.peek(8);
    const header = start === undefined ? undefined : cursor.take(lengthOf(start));
    if (start === undefined || header === undefined) break;
    extensions.push(protocol);
    if (protocol === 44) fragment = start.u16(2);
    protocol = start.u8(0);
  }
  return {
    version: 6,
    source: ipFromBytes(fixed.slice(8, 16)),
    destination: ipFromBytes(fixed.slice(24, 16)),
    protocol,
    hopLimit: fixed.u8(7),
    trafficClass: (fixed.u16(0) >> 4) & 0xff,
    flowLabel: fixed.u32(0) & 0xfffff,
    length: fixed.u16(4),
    extensions,
    moreFragments: (fragment & 1) !== 0,
    fragmentOffset: fragment & 0xfff8,
  };
}
