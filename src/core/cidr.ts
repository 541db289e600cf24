// SPDX-License-Identifier: Apache-2.0
// Address prefixes: strict parsing, containment, enumeration.

import { FormatError } from "./errors.ts";
import {
  compareBytes,
  type Family,
  ipFamily,
  ipFromBigInt,
  ipFromBytes,
  ipToBigInt,
  ipToBytes,
  tryParseIp,
} from "./ip.ts";

/** A parsed prefix; `ip` has no bits set behind `bits`. */
export interface Cidr {
  readonly ip: string;
  readonly bits: number;
  readonly family: Family;
}

const PREFIX_LENGTH = /^(?:0|[1-9][0-9]{0,2})$/;

/** How strictly to parse. */
export interface ParseCidrOptions {
  /** Refuse prefixes with address bits behind the prefix length instead of clearing them. Default false. */
  readonly strict?: boolean;
}

/** Parses `ADDRESS/LENGTH`; the address loses its host bits (or is refused for them, with `strict`). */
export function parseCidr(text: string, options: ParseCidrOptions = {}): Cidr {
  const slash = text.indexOf("/");
  const ip = slash < 0 ? undefined : tryParseIp(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (ip === undefined || !PREFIX_LENGTH.test(length)) {
    throw new FormatError(`Cannot parse prefix "${text}": ADDRESS/LENGTH expected`);
  }
  const family = ipFamily(ip);
  const bits = Number(length);
  if (bits > width(family)) {
    throw new FormatError(`Cannot parse prefix "${text}": length ${bits} is above ${width(family)}`);
  }
  const network = ipFromBytes(masked(ipToBytes(ip), bits));
  if (options.strict === true && network !== ip) {
    throw new FormatError(`Cannot parse prefix "${text}": address bits behind the length (write ${network}/${bits})`);
  }
  return { ip: network, bits, family };
}

/** As parseCidr, with undefined for what is not a prefix. */
export function tryParseCidr(text: string, options: ParseCidrOptions = {}): Cidr | undefined {
  try {
    return parseCidr(text, options);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** Whether the text is a prefix (host bits allowed). */
export function isCidr(text: string): boolean {
  return tryParseCidr(text) !== undefined;
}

/** The canonical string, such as `10.1.0.0/24`. */
export function formatCidr(cidr: Cidr): string {
  return `${cidr.ip}/${cidr.bits}`;
}

/** The prefix that holds just this address: `10.1.0.5/32`, `fd00::1/128`. */
export function hostCidr(ip: string): string {
  return `${ip}/${width(ipFamily(ip))}`;
}

/** Whether an address, or all of another prefix, lies in the prefix. Different families never do. */
export function cidrContains(cidr: Cidr | string, inner: Cidr | string): boolean {
  const outer = typeof cidr === "string" ? parseCidr(cidr) : cidr;
  const other =
    typeof inner === "string" ? (inner.includes("/") ? parseCidr(inner) : parseCidr(hostCidr(inner))) : inner;
  if (outer.family !== other.family || other.bits < outer.bits) return false;
  return compareBytes(masked(ipToBytes(other.ip), outer.bits), ipToBytes(outer.ip)) === 0;
}

/** The number of addresses. */
export function cidrSize(cidr: Cidr): bigint {
  return 1n << BigInt(width(cidr.family) - cidr.bits);
}

/** The nth address, counted from 0 (the network address); throws behind the end. */
export function cidrNth(cidr: Cidr, n: number | bigint): string {
  const offset = BigInt(n);
  if (offset < 0n || offset >= cidrSize(cidr)) {
    throw new FormatError(`Cannot take address ${n} of ${formatCidr(cidr)}: it has ${cidrSize(cidr)}`);
  }
  return ipFromBigInt(ipToBigInt(cidr.ip) + offset, cidr.family);
}

/** Orders prefixes: IPv4 first, then by address, then the shorter length first. */
export function compareCidr(a: Cidr, b: Cidr): number {
  return compareBytes(ipToBytes(a.ip), ipToBytes(b.ip)) || a.bits - b.bits;
}

function width(family: Family): number {
  return family === 4 ? 32 : 128;
}

/** Clears all bits behind the first `bits`, in place. */
function masked(bytes: Uint8Array<ArrayBuffer>, bits: number): Uint8Array<ArrayBuffer> {
  const whole = bits >> 3;
  const rest = bits & 7;
  if (rest !== 0) bytes[whole] = (bytes[whole] ?? 0) & (0xff00 >> rest);
  bytes.fill(0, rest === 0 ? whole : whole + 1);
  return bytes;
}
