// SPDX-License-Identifier: Apache-2.0
// IPv4 and IPv6 addresses: strict parsing, canonical strings (RFC 5952), bytes both ways.

import { FormatError } from "./errors.ts";

/** Address family by its number of the protocol. */
export type Family = 4 | 6;

const IPV4_OCTET = /^(?:0|[1-9][0-9]{0,2})$/;
const HEX_GROUP = /^[0-9a-fA-F]{1,4}$/;

/** The canonical form of an address. Refuses leading zeros in IPv4, zones, and surrounding space. */
export function parseIp(text: string): string {
  const bytes = parseBytes(text);
  if (bytes === undefined) throw new FormatError(`Cannot parse address "${text}": not an IPv4 or IPv6 address`);
  return ipFromBytes(bytes);
}

/** As parseIp, with undefined for what is not an address. */
export function tryParseIp(text: string): string | undefined {
  const bytes = parseBytes(text);
  return bytes === undefined ? undefined : ipFromBytes(bytes);
}

/** Whether the text is an address, canonical or not. */
export function isIp(text: string): boolean {
  return parseBytes(text) !== undefined;
}

/** The family of an address that parses; does not check the rest of it. */
export function ipFamily(ip: string): Family {
  return ip.includes(":") ? 6 : 4;
}

/** The address in network byte order: 4 or 16 bytes, freshly allocated. */
export function ipToBytes(ip: string): Uint8Array<ArrayBuffer> {
  const bytes = parseBytes(ip);
  if (bytes === undefined) throw new FormatError(`Cannot parse address "${ip}": not an IPv4 or IPv6 address`);
  return bytes;
}

/** The address in 16 bytes as the kernel's maps hold it: IPv4 in the first four, the rest zero. */
export function ip16(ip: string): Uint8Array<ArrayBuffer> {
  const bytes = ipToBytes(ip);
  if (bytes.length === 16) return bytes;
  const out = new Uint8Array(16);
  out.set(bytes);
  return out;
}

/** The canonical string of 4 or 16 bytes in network order. */
export function ipFromBytes(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  if (bytes.length === 16) return formatIpv6(bytes);
  throw new FormatError(`Cannot read address: ${bytes.length} bytes (4 or 16 expected)`);
}

/** The reverse of ip16. */
export function ipFrom16(bytes: Uint8Array, family: Family): string {
  if (bytes.length < 16) throw new FormatError(`Cannot read address: ${bytes.length} bytes (16 expected)`);
  return ipFromBytes(bytes.subarray(0, family === 4 ? 4 : 16));
}

/** The address as an unsigned number. */
export function ipToBigInt(ip: string): bigint {
  let value = 0n;
  for (const byte of ipToBytes(ip)) value = (value << 8n) | BigInt(byte);
  return value;
}

/** The address with that number; throws when it does not fit the family. */
export function ipFromBigInt(value: bigint, family: Family): string {
  const length = family === 4 ? 4 : 16;
  if (value < 0n || value >> BigInt(length * 8) !== 0n) {
    throw new FormatError(`Cannot make IPv${family} address from ${value}: out of range`);
  }
  const bytes = new Uint8Array(length);
  for (let i = length - 1, rest = value; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return ipFromBytes(bytes);
}

/** Orders addresses: IPv4 before IPv6, then by number. */
export function compareIp(a: string, b: string): number {
  return compareBytes(ipToBytes(a), ipToBytes(b));
}

/** Orders byte strings by length, then by content. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function parseBytes(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length > 45) return undefined;
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): Uint8Array<ArrayBuffer> | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [i, part] of parts.entries()) {
    if (!IPV4_OCTET.test(part)) return undefined;
    const value = Number(part);
    if (value > 255) return undefined;
    bytes[i] = value;
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array<ArrayBuffer> | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [headText = "", tailText] = halves;
  const head = parseGroups(headText, tailText === undefined);
  const tail = tailText === undefined ? [] : parseGroups(tailText, true);
  if (head === undefined || tail === undefined) return undefined;
  const given = head.length + tail.length;
  if (tailText === undefined ? given !== 8 : given > 7) return undefined;
  const groups = [...head, ...new Array<number>(8 - given).fill(0), ...tail];
  const bytes = new Uint8Array(16);
  for (const [i, group] of groups.entries()) {
    bytes[2 * i] = group >> 8;
    bytes[2 * i + 1] = group & 0xff;
  }
  return bytes;
}

/** The 16-bit groups of one side of `::`; an IPv4 tail is taken only where the address ends. */
function parseGroups(text: string, atEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (HEX_GROUP.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const ipv4 = atEnd && i === parts.length - 1 ? parseIpv4(part) : undefined;
    if (ipv4 === undefined) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = ipv4;
    groups.push((a << 8) | b, (c << 8) | d);
  }
  return groups;
}

function formatIpv6(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  // RFC 5952 section 5: IPv4-mapped addresses are written with their IPv4 part.
  if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    return `::ffff:${ipFromBytes(bytes.subarray(12, 16))}`;
  }
  const zeros = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (zeros.length < 2) return hex.join(":");
  return `${hex.slice(0, zeros.start).join(":")}::${hex.slice(zeros.start + zeros.length).join(":")}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [i, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: i - length + 1, length };
  }
  return best;
}
