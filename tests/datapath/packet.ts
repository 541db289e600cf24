// SPDX-License-Identifier: Apache-2.0
// Builds frames with right lengths and checksums; every field can be set wrong on purpose.
import { ip16, ipFamily, ipToBytes, macToBytes } from "../../src/core/index.ts";

export const EtherType = { IPV4: 0x0800, ARP: 0x0806, VLAN: 0x8100, IPV6: 0x86dd } as const;
export const Protocol = {
  HOP_BY_HOP: 0,
  ICMP: 1,
  TCP: 6,
  UDP: 17,
  ROUTING: 43,
  FRAGMENT: 44,
  ESP: 50,
  AUTH: 51,
  ICMP6: 58,
  NONE: 59,
  DESTINATION: 60,
  SCTP: 132,
  MOBILITY: 135,
} as const;

/** What stands behind an IP header: its protocol, and its bytes for given addresses (checksums cover them). */
export interface Payload {
  readonly protocol: number;
  bytes(source: string, destination: string): Uint8Array;
}

export interface IpOptions {
  readonly source: string;
  readonly destination: string;
  readonly ttl?: number;
  /** IPv4: identification; IPv6: of a fragment header. */
  readonly id?: number;
  /** In bytes. */
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  /** IPv4 options, padded to 4 bytes with zeros. */
  readonly options?: readonly number[];
  /** Header fields instead of the right ones. */
  readonly version?: number;
  readonly headerWords?: number;
  readonly totalLength?: number;
}

export interface EthernetOptions {
  readonly source: string;
  readonly destination: string;
}

/** An Ethernet frame. */
export function frame({ source, destination }: EthernetOptions, etherType: number, payload: Uint8Array): Uint8Array {
  return concat(macToBytes(destination), macToBytes(source), u16(etherType), payload);
}

/** A frame with an IP packet of the family of its addresses. */
export function ipFrame(ethernet: EthernetOptions, ip: IpOptions, payload: Payload): Uint8Array {
  return ipFamily(ip.source) === 4
    ? frame(ethernet, EtherType.IPV4, ipv4(ip, payload))
    : frame(ethernet, EtherType.IPV6, ipv6(ip, payload));
}

/** An IPv4 packet. */
export function ipv4(ip: IpOptions, payload: Payload): Uint8Array {
  const body = payload.bytes(ip.source, ip.destination);
  const options = Uint8Array.from(ip.options ?? []);
  const length = 20 + Math.ceil(options.length / 4) * 4;
  const header = new Uint8Array(length);
  const view = new DataView(header.buffer);
  header[0] = ((ip.version ?? 4) << 4) | (ip.headerWords ?? length / 4);
  view.setUint16(2, ip.totalLength ?? length + body.length);
  view.setUint16(4, ip.id ?? 0);
  view.setUint16(6, (ip.moreFragments === true ? 0x2000 : 0) | ((ip.fragmentOffset ?? 0) / 8));
  header[8] = ip.ttl ?? 64;
  header[9] = payload.protocol;
  header.set(ipToBytes(ip.source), 12);
  header.set(ipToBytes(ip.destination), 16);
  header.set(options, 20);
  view.setUint16(10, checksum(header));
  return concat(header, body);
}

/** An IPv6 packet; with a fragment header when `id` is given. */
export function ipv6(ip: IpOptions, payload: Payload): Uint8Array {
  const inner = ip.id === undefined ? payload : fragmentHeader(ip, payload);
  const body = inner.bytes(ip.source, ip.destination);
  const header = new Uint8Array(40);
  const view = new DataView(header.buffer);
  header[0] = (ip.version ?? 6) << 4;
  view.setUint16(4, ip.totalLength ?? body.length);
  header[6] = inner.protocol;
  header[7] = ip.ttl ?? 64;
  header.set(ip16(ip.source), 8);
  header.set(ip16(ip.destination), 24);
  return concat(header, body);
}

function fragmentHeader(ip: IpOptions, payload: Payload): Payload {
  const offset = (ip.fragmentOffset ?? 0) | (ip.moreFragments === true ? 1 : 0);
  const header = concat(Uint8Array.of(payload.protocol, 0), u16(offset), u32(ip.id ?? 0));
  return {
    protocol: Protocol.FRAGMENT,
    bytes: (source, destination) => concat(header, payload.bytes(source, destination)),
  };
}

/** An IPv6 extension header before `payload`; `body` follows next header and length and is padded with zeros. */
export function extension(protocol: number, payload: Payload, body: readonly number[] = []): Payload {
  const unit = protocol === Protocol.AUTH ? 4 : 8;
  const length = Math.max(8, Math.ceil((2 + body.length) / unit) * unit);
  const header = new Uint8Array(length);
  header[0] = payload.protocol;
  header[1] = protocol === Protocol.AUTH ? length / 4 - 2 : length / 8 - 1;
  header.set(body, 2);
  return { protocol, bytes: (source, destination) => concat(header, payload.bytes(source, destination)) };
}

export const TcpFlag = { FIN: 1, SYN: 2, RST: 4, PSH: 8, ACK: 16 } as const;

export interface TcpOptions {
  readonly sport: number;
  readonly dport: number;
  readonly flags?: number;
  readonly data?: Uint8Array;
  readonly headerWords?: number;
}

/** A TCP segment; default: ACK without data. */
export function tcp({ sport, dport, flags, data, headerWords }: TcpOptions): Payload {
  const header = new Uint8Array(20);
  const view = new DataView(header.buffer);
  view.setUint16(0, sport);
  view.setUint16(2, dport);
  header[12] = (headerWords ?? 5) << 4;
  header[13] = flags ?? TcpFlag.ACK;
  view.setUint16(14, 65535);
  return withChecksum(Protocol.TCP, concat(header, data ?? new Uint8Array()), 16);
}

/** A UDP datagram. */
export function udp({ sport, dport, data }: { sport: number; dport: number; data?: Uint8Array }): Payload {
  const body = data ?? new Uint8Array();
  return withChecksum(Protocol.UDP, concat(u16(sport), u16(dport), u16(8 + body.length), u16(0), body), 6);
}

/** An SCTP packet with its common header alone. */
export function sctp({ sport, dport }: { sport: number; dport: number }): Payload {
  return raw(Protocol.SCTP, concat(u16(sport), u16(dport), new Uint8Array(8)));
}

/** An ICMP message: the family decides about the protocol. `rest` is what follows the checksum. */
export function icmp(family: 4 | 6, type: number, code: number, rest: Uint8Array): Payload {
  const message = concat(Uint8Array.of(type, code, 0, 0), rest);
  if (family === 6) return withChecksum(Protocol.ICMP6, message, 2);
  new DataView(message.buffer).setUint16(2, checksum(message));
  return raw(Protocol.ICMP, message);
}

/** An echo request or reply. */
export function echo(
  family: 4 | 6,
  kind: "request" | "reply",
  id: number,
  data: Uint8Array = new Uint8Array(8),
): Payload {
  const type = family === 4 ? (kind === "request" ? 8 : 0) : kind === "request" ? 128 : 129;
  return icmp(family, type, 0, concat(u16(id), u16(1), data));
}

/** An ICMP error that quotes (the beginning of) an IP packet. */
export function icmpError(family: 4 | 6, type: number, code: number, quoted: Uint8Array): Payload {
  return icmp(family, type, code, concat(u32(0), quoted));
}

/** Bytes as they are. */
export function raw(protocol: number, bytes: Uint8Array): Payload {
  return { protocol, bytes: () => bytes };
}

/** Bytes `from`..`to` of another payload, for fragments. */
export function part(payload: Payload, from: number, to?: number): Payload {
  return {
    protocol: payload.protocol,
    bytes: (source, destination) => payload.bytes(source, destination).subarray(from, to),
  };
}

export interface ArpOptions {
  readonly operation?: number;
  readonly senderMac: string;
  readonly sender: string;
  readonly targetMac?: string;
  readonly target: string;
}

/** An ARP message for IPv4 over Ethernet; default: a request. */
export function arp({ operation, senderMac, sender, targetMac, target }: ArpOptions): Uint8Array {
  return concat(
    u16(1),
    u16(EtherType.IPV4),
    Uint8Array.of(6, 4),
    u16(operation ?? 1),
    macToBytes(senderMac),
    ipToBytes(sender),
    macToBytes(targetMac ?? "00:00:00:00:00:00"),
    ipToBytes(target),
  );
}

export interface NeighborOptions {
  readonly target: string;
  readonly flags?: number;
  /** Link-layer address option: 1 source, 2 target. */
  readonly option?: { readonly type: number; readonly mac: string };
  readonly code?: number;
}

/** Neighbour solicitation (135) or advertisement (136). */
export function neighbor(type: number, { target, flags, option, code }: NeighborOptions): Payload {
  const tail = option === undefined ? new Uint8Array() : concat(Uint8Array.of(option.type, 1), macToBytes(option.mac));
  return icmp(6, type, code ?? 0, concat(u32(flags ?? 0), ip16(target), tail));
}

function withChecksum(protocol: number, message: Uint8Array, at: number): Payload {
  return {
    protocol,
    bytes(source, destination) {
      const copy = Uint8Array.from(message);
      const pseudo = concat(ipToBytes(source), ipToBytes(destination), u32(copy.length), u32(protocol));
      new DataView(copy.buffer).setUint16(at, checksum(concat(pseudo, copy)));
      return copy;
    },
  };
}

/** The Internet checksum. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2) sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff);
}
