// SPDX-License-Identifier: Apache-2.0
// Random payloads of IP packets: few ports, so that packets meet the flows of others.
import { echo, extension, icmp, icmpError, type Payload, Protocol, raw, sctp, tcp, udp } from "../packet.ts";
import type { Family } from "./headers.ts";
import type { Random } from "./random.ts";

const PORTS = [80, 80, 443, 40000, 40000, 33000, 8472];
export const TCP_FLAGS = [2, 2, 2, 18, 18, 16, 16, 16, 17, 4, 20, 0, 3, 6, 24];

/** Anything that a packet may carry; `quoted` is the packet that an ICMP error is about. */
export function payload(random: Random, family: Family, quoted: Uint8Array): Payload {
  const ports = { sport: random.pick(PORTS), dport: random.pick(PORTS) };
  const data: Uint8Array = random.chance(30) ? random.bytes(random.int(48)) : new Uint8Array(24);
  const kind = random.int(100);
  if (kind < 45) {
    const headerWords = random.chance(94) ? 5 : random.pick([0, 4, 6, 15]);
    return tcp({ ...ports, flags: random.pick(TCP_FLAGS), data, headerWords });
  }
  if (kind < 62) return udp({ ...ports, data });
  if (kind < 78) return echo(family, random.chance(55) ? "request" : "reply", random.pick([80, 7, 40000]), data);
  if (kind < 90) {
    const type = random.pick(family === 4 ? [3, 3, 11, 12] : [1, 2, 3, 4]);
    return icmpError(
      family,
      type,
      random.int(5),
      quoted.subarray(0, random.chance(85) ? quoted.length : random.int(60)),
    );
  }
  if (kind < 93) return icmp(family, random.int(256), 0, random.bytes(8));
  if (kind < 97) return sctp(ports);
  return raw(random.pick([2, 4, 41, 47, 50, 51, 59, 89, 1, 58]), random.bytes(random.int(40)));
}

/** One to seven IPv6 extension headers before the payload, in any order. */
export function withExtensions(random: Random, inner: Payload): Payload {
  const { HOP_BY_HOP, DESTINATION, ROUTING, FRAGMENT, AUTH, MOBILITY, ESP } = Protocol;
  const common = [HOP_BY_HOP, DESTINATION, DESTINATION, AUTH, FRAGMENT];
  let packet = inner;
  for (let count = random.int(7); count >= 0; count--) {
    const protocol = random.pick(random.chance(85) ? common : [ROUTING, MOBILITY, ESP]);
    const zeros = Array<number>(random.pick([6, 14])).fill(0);
    packet = extension(protocol, packet, protocol === FRAGMENT ? fragmentBody(random) : zeros);
  }
  return packet;
}

/** Offset and flags, and an id. */
function fragmentBody(random: Random): number[] {
  return [0, random.pick([0, 0, 1, 8, 9, 24]), 0, 0, 0, random.int(3) + 1];
}
