// SPDX-License-Identifier: Apache-2.0
// TCP, UDP, SCTP, ICMP; ports are read even when the rest of the header was not captured.
import type { Cursor } from "./cursor.ts";
import { isExtension } from "./ip.ts";
import { protocols } from "./protocols.ts";
import type { Icmp, Ip, Sctp, Tcp, Transport, Udp } from "./types.ts";

/** The transport header behind an IP header; nothing for later fragments and behind cut extension headers. */
export function parseTransport(cursor: Cursor, ip: Ip): Transport | undefined {
  if (ip.fragmentOffset !== 0 || (ip.version === 6 && isExtension(ip.protocol))) return undefined;
  switch (ip.protocol) {
    case protocols.TCP:
      return parseTcp(cursor);
    case protocols.UDP:
      return parseUdp(cursor);
    case protocols.SCTP:
      return parseSctp(cursor);
    case protocols.ICMP:
      return ip.version === 4 ? parseIcmp(cursor, "icmp4", [0, 8]) : { kind: "other", protocol: ip.protocol };
    case protocols.ICMPv6:
      return ip.version === 6 ? parseIcmp(cursor, "icmp6", [128, 129]) : { kind: "other", protocol: ip.protocol };
    default:
      return { kind: "other", protocol: ip.protocol };
  }
}

function parseTcp(cursor: Cursor): Tcp | undefined {
  const header = cursor.take(20);
  if (header === undefined) return undefined;
  const flags = header.u8(13);
  return {
    kind: "tcp",
    sourcePort: header.u16(0),
    destinationPort: header.u16(2),
    sequence: header.u32(4),
    acknowledgment: header.u32(8),
    window: header.u16(14),
    flags: {
      fin: (flags & 1) !== 0,
      syn: (flags & 2) !== 0,
      rst: (flags & 4) !== 0,
      psh: (flags & 8) !== 0,
      ack: (flags & 16) !== 0,
      urg: (flags & 32) !== 0,
      ece: (flags & 64) !== 0,
      cwr: (flags & 128) !== 0,
    },
  };
}

/** The UDP header. */
function parseUdp(cursor: Cursor): Udp | undefined {
  const header = cursor.take(8);
  if (header === undefined) return undefined;
  return { kind: "udp", sourcePort: header.u16(0), destinationPort: header.u16(2), length: header.u16(4) };
}

function parseSctp(cursor: Cursor): Sctp | undefined {
  const header = cursor.take(12);
  if (header === undefined) return undefined;
  return {
    kind: "sctp",
    sourcePort: header.u16(0),
    destinationPort: header.u16(2),
    verificationTag: header.u32(4),
  };
}

function parseIcmp(cursor: Cursor, kind: "icmp4" | "icmp6", echo: readonly number[]): Icmp | undefined {
  const header = cursor.take(4);
  if (header === undefined) return undefined;
  const base = { kind, type: header.u8(0), code: header.u8(1) };
  if (!echo.includes(base.type)) return base;
  const rest = cursor.take(4);
  return rest === undefined ? base : { ...base, id: rest.u16(0), sequence: rest.u16(2) };
}
