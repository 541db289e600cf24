// SPDX-License-Identifier: Apache-2.0
// Ethernet with VLAN tags, and ARP.
import { ipFromBytes, macFromBytes } from "../../core/index.ts";
import type { Cursor } from "./cursor.ts";
import type { Arp, Ethernet } from "./types.ts";

export const etherTypes = { IPv4: 0x0800, ARP: 0x0806, VLAN: 0x8100, IPv6: 0x86dd, QINQ: 0x88a8 } as const;

/** Passes over the Ethernet header and at most two VLAN tags. */
export function parseEthernet(cursor: Cursor): Ethernet | undefined {
  const header = cursor.take(14);
  if (header === undefined) return undefined;
  let etherType = header.u16(12);
  let vlan: number | undefined;
  for (let tags = 0; tags < 2 && (etherType === etherTypes.VLAN || etherType === etherTypes.QINQ); tags++) {
    const tag = cursor.take(4);
    if (tag === undefined) break;
    vlan = tag.u16(0) & 0xfff;
    etherType = tag.u16(2);
  }
  return {
    destination: macFromBytes(header.slice(0, 6)),
    source: macFromBytes(header.slice(6, 6)),
    etherType,
    ...(vlan === undefined ? {} : { vlan }),
  };
}

/** ARP of Ethernet and IPv4; anything else gives nothing. */
export function parseArp(cursor: Cursor): Arp | undefined {
  const header = cursor.take(28);
  if (header === undefined) return undefined;
  if (header.u16(0) !== 1 || header.u16(2) !== etherTypes.IPv4 || header.u8(4) !== 6 || header.u8(5) !== 4) {
    return undefined;
  }
  return {
    operation: header.u16(6),
    senderMac: macFromBytes(header.slice(8, 6)),
    senderIp: ipFromBytes(header.slice(14, 4)),
    targetMac: macFromBytes(header.slice(18, 6)),
    targetIp: ipFromBytes(header.slice(24, 4)),
  };
}
