// SPDX-License-Identifier: Apache-2.0
// The model's reading of a frame: what the documents say is a packet that can be judged, and everything else is refused.

export type Family = 4 | 6;
export type IcmpKind = "request" | "reply" | "error" | "neighbor";

/** Addresses are hexadecimal, so that they compare. */
export interface Headers {
  readonly family: Family;
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly ttl: number;
  readonly fragment: "none" | "first" | "later";
  readonly fragmentId: number;
  /** Of the L4 header from the start of the frame; the IP packet ends at `end`. */
  readonly l4: number;
  readonly end: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly tcpFlags: number;
  readonly icmpType: number;
  readonly icmp?: IcmpKind;
}

export const ETH = 14;
export const TCP = 6;
const UDP = 17;
const SCTP = 132;
const FRAGMENT = 44;
const WALKED = new Set([0, 60, 51, FRAGMENT]);
const SOURCE_ROUTES = new Set([131, 137]);

export function icmpProtocol(family: Family): number {
  return family === 4 ? 1 : 58;
}

export function u16at(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** What kind of ICMP message a type is; undefined: one that no rule lets pass. */
export function icmpKind(family: Family, type: number): IcmpKind | undefined {
  if (type === (family === 4 ? 8 : 128)) return "request";
  if (type === (family === 4 ? 0 : 129)) return "reply";
  if (family === 4) return [3, 11, 12].includes(type) ? "error" : undefined;
  if (type >= 1 && type <= 4) return "error";
  return (type >= 130 && type <= 137) || type === 143 ? "neighbor" : undefined;
}

type Ip = Omit<Headers, "sourcePort" | "destinationPort" | "tcpFlags" | "icmpType" | "icmp">;

/** Reads the frame; undefined when it has to be dropped for what it is. */
export function readHeaders(frame: Uint8Array, family: Family): Headers | undefined {
  const ip = family === 4 ? readIpv4(frame) : readIpv6(frame);
  if (ip === undefined || overwritesTcp(frame, ip)) return undefined;
  const none = { sourcePort: 0, destinationPort: 0, tcpFlags: 0, icmpType: 0 };
  if (ip.fragment === "later") return { ...ip, ...none };
  const l4 = readL4(frame, ip);
  return l4 === undefined ? undefined : { ...ip, ...none, ...l4 };
}

function readIpv4(frame: Uint8Array): Ip | undefined {
  if (frame.length < ETH + 20 || (frame[ETH] ?? 0) >> 4 !== 4) return undefined;
  const headerLength = ((frame[ETH] ?? 0) & 15) * 4;
  const end = ETH + u16at(frame, ETH + 2);
  if (headerLength < 20 || end < ETH + headerLength || end > frame.length) return undefined;
  if (!optionsAllowed(frame, ETH + 20, ETH + headerLength)) return undefined;
  const word = u16at(frame, ETH + 6);
  return {
    family: 4,
    source: hexOf(frame.subarray(ETH + 12, ETH + 16)),
    destination: hexOf(frame.subarray(ETH + 16, ETH + 20)),
    protocol: frame[ETH + 9] ?? 0,
    ttl: frame[ETH + 8] ?? 0,
    fragment: word & 0x1fff ? "later" : word & 0x2000 ? "first" : "none",
    fragmentId: u16at(frame, ETH + 4),
    l4: ETH + headerLength,
    end,
  };
}

/** No source route, every option whole. An option in the very last byte of a frame counts as cut off. */
function optionsAllowed(frame: Uint8Array, from: number, to: number): boolean {
  let at = from;
  while (at < to) {
    if (at + 2 > frame.length) return false;
    const [type = 0, length = 0] = frame.subarray(at, at + 2);
    if (type === 0) return true;
    if (type === 1) {
      at++;
      continue;
    }
    if (SOURCE_ROUTES.has(type) || length < 2 || at + length > to) return false;
    at += length;
  }
  return true;
}

function readIpv6(frame: Uint8Array): Ip | undefined {
  if (frame.length < ETH + 40 || (frame[ETH] ?? 0) >> 4 !== 6) return undefined;
  const end = ETH + 40 + u16at(frame, ETH + 4);
  if (end > frame.length) return undefined;
  let protocol = frame[ETH + 6] ?? 0;
  let l4 = ETH + 40;
  let fragment: Headers["fragment"] = "none";
  let fragmentId = 0;
  for (let count = 0; WALKED.has(protocol); count++) {
    if (count === 6 || (protocol === 0 && count > 0) || l4 + 8 > end) return undefined;
    const [next = 0, length = 0] = frame.subarray(l4, l4 + 2);
    if (protocol === FRAGMENT) {
      if (WALKED.has(next)) return undefined;
      const word = u16at(frame, l4 + 2);
      if (word & 0xfff9) {
        fragment = word & 0xfff8 ? "later" : "first";
        fragmentId = u16at(frame, l4 + 4) * 0x10000 + u16at(frame, l4 + 6);
      }
      l4 += 8;
    } else {
      l4 += protocol === 51 ? (length + 2) * 4 : (length + 1) * 8;
    }
    protocol = next;
  }
  // Routing, mobility, HIP, Shim6, experiments.
  if ([43, 135, 139, 140, 253, 254, 255].includes(protocol) || l4 > end) return undefined;
  const source = hexOf(frame.subarray(ETH + 8, ETH + 24));
  const destination = hexOf(frame.subarray(ETH + 24, ETH + 40));
  return { family: 6, source, destination, protocol, ttl: frame[ETH + 7] ?? 0, fragment, fragmentId, l4, end };
}

/** A later fragment must not rewrite the TCP header that was judged. */
function overwritesTcp(frame: Uint8Array, { family, fragment, protocol, l4 }: Ip): boolean {
  if (fragment !== "later" || protocol !== TCP) return false;
  const offset = family === 4 ? (u16at(frame, ETH + 6) & 0x1fff) * 8 : u16at(frame, l4 - 6) & 0xfff8;
  return offset < 20;
}

type L4 = Partial<Pick<Headers, "sourcePort" | "destinationPort" | "tcpFlags" | "icmpType" | "icmp">>;

function readL4(frame: Uint8Array, { family, protocol, l4, end }: Ip): L4 | undefined {
  const length = end - l4;
  const ports = { sourcePort: u16at(frame, l4), destinationPort: u16at(frame, l4 + 2) };
  if (protocol === TCP) {
    const headerLength = ((frame[l4 + 12] ?? 0) >> 4) * 4;
    const tcpFlags = frame[l4 + 13] ?? 0;
    if (length < 20 || headerLength < 20 || headerLength > length) return undefined;
    // SYN with FIN or RST.
    return tcpFlags & 2 && tcpFlags & 5 ? undefined : { ...ports, tcpFlags };
  }
  if (protocol === UDP) return length < 8 ? undefined : ports;
  if (protocol === SCTP) return length < 12 ? undefined : ports;
  if (protocol !== icmpProtocol(family) || length < 8) return undefined;
  const icmpType = frame[l4] ?? 0;
  const icmp = icmpKind(family, icmpType);
  if (icmp === undefined) return undefined;
  const id = u16at(frame, l4 + 4);
  const echo = icmp === "request" ? { sourcePort: id } : icmp === "reply" ? { destinationPort: id } : {};
  return { icmp, icmpType, ...echo };
}

/** The flow of the packet that an ICMP error quotes, as it was sent; undefined: none can be told. */
export interface Quote {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly protocol: number;
}

export function readQuote(frame: Uint8Array, { family, l4, end }: Headers): Quote | undefined {
  const at = l4 + 8;
  const fixed = family === 4 ? 20 : 40;
  if (at + fixed > frame.length || (frame[at] ?? 0) >> 4 !== family) return undefined;
  let protocol = frame[at + (family === 4 ? 9 : 6)] ?? 0;
  let inner = at + (family === 4 ? ((frame[at] ?? 0) & 15) * 4 : 40);
  if (family === 4 && (inner < at + 20 || u16at(frame, at + 6) & 0x1fff)) return undefined;
  if (family === 6 && protocol === FRAGMENT) {
    if (inner + 8 > frame.length || u16at(frame, inner + 2) & 0xfff8) return undefined;
    protocol = frame[inner] ?? 0;
    inner += 8;
  }
  if (inner + 8 > end) return undefined;
  const [from, to] = family === 4 ? [at + 12, at + 16] : [at + 8, at + 24];
  const size = family === 4 ? 4 : 16;
  const addresses = {
    source: hexOf(frame.subarray(from, from + size)),
    destination: hexOf(frame.subarray(to, to + size)),
    protocol,
  };
  if (protocol !== icmpProtocol(family)) {
    return { ...addresses, sourcePort: u16at(frame, inner), destinationPort: u16at(frame, inner + 2) };
  }
  const kind = icmpKind(family, frame[inner] ?? 0);
  if (kind !== "request" && kind !== "reply") return undefined;
  const id = u16at(frame, inner + 4);
  return { ...addresses, sourcePort: kind === "request" ? id : 0, destinationPort: kind === "reply" ? id : 0 };
}
