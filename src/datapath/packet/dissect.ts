// SPDX-License-Identifier: Apache-2.0
// From captured bytes to layers. Takes any bytes whatever: never throws, never loops without progress.
import { Cursor } from "./cursor.ts";
import { parseIp } from "./ip.ts";
import { etherTypes, parseArp, parseEthernet } from "./link.ts";
import { parseTransport } from "./transport.ts";
import type { Packet } from "./types.ts";

export interface DissectOptions {
  /** The bytes begin with the IP header (a device without link layer). */
  readonly l3?: boolean;
  /** The outer packet is a tunnel packet; its inner packet is what is shown. */
  readonly tunnel?: "vxlan" | "geneve";
}

/** The layers that the bytes hold as a whole. */
export function dissect(bytes: Uint8Array, options: DissectOptions = {}): Packet {
  const cursor = new Cursor(bytes);
  const outer = layers(cursor, options.l3 === true);
  if (options.tunnel === undefined || outer.ip === undefined || outer.transport?.kind !== "udp") return outer;
  const header = cursor.take(8);
  if (header === undefined) return { ...outer, truncated: true };
  if (options.tunnel === "geneve") cursor.take((header.u8(0) & 0x3f) * 4);
  const tunnel = { protocol: options.tunnel, vni: header.u32(4) >>> 8, ip: outer.ip, transport: outer.transport };
  return { ...layers(cursor, false), tunnel };
}

function layers(cursor: Cursor, l3: boolean): Packet {
  const ethernet = l3 ? undefined : parseEthernet(cursor);
  const head = ethernet === undefined ? {} : { ethernet };
  if (!l3 && ethernet === undefined) return { truncated: cursor.truncated };
  if (ethernet?.etherType === etherTypes.ARP) {
    const arp = parseArp(cursor);
    return { ...head, ...(arp === undefined ? {} : { arp }), truncated: cursor.truncated };
  }
  const isIp = l3 || ethernet?.etherType === etherTypes.IPv4 || ethernet?.etherType === etherTypes.IPv6;
  const ip = isIp ? parseIp(cursor) : undefined;
  if (ip === undefined) return { ...head, truncated: cursor.truncated };
  const transport = parseTransport(cursor, ip);
  return { ...head, ip, ...(transport === undefined ? {} : { transport }), truncated: cursor.truncated };
}
