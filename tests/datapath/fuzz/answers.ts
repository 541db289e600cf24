// SPDX-License-Identifier: Apache-2.0
// The model's answers to a pod's ARP requests and neighbour solicitations.
import { ip16, ipToBytes, macToBytes } from "../../../src/core/index.ts";
import { concat, EtherType, frame as ethernet, ipFrame, neighbor, u16 } from "../packet.ts";
import type { Pod } from "../world.ts";
import { ETH, type Headers, hexOf, u16at } from "./headers.ts";

const ARP_REQUEST = "0001080006040001";
const ARP_LENGTH = 28;

/** The reply that the frame becomes; undefined: it is dropped. */
export function answerArp(frame: Uint8Array, pod: Pod): Uint8Array | undefined {
  const message = frame.subarray(ETH, ETH + ARP_LENGTH);
  if (message.length < ARP_LENGTH || hexOf(message.subarray(0, 8)) !== ARP_REQUEST) return undefined;
  const own = hexOf(concat(macToBytes(pod.mac), ipToBytes(pod.ipv4)));
  const target = message.subarray(24, 28);
  if (hexOf(message.subarray(8, 18)) !== own || hexOf(target) === hexOf(ipToBytes(pod.ipv4))) return undefined;
  const head = concat(u16(1), u16(EtherType.IPV4), Uint8Array.of(6, 4), u16(2), macToBytes(pod.nodeMac), target);
  const reply = concat(head, macToBytes(pod.mac), ipToBytes(pod.ipv4), frame.subarray(ETH + ARP_LENGTH));
  return ethernet({ source: pod.nodeMac, destination: pod.mac }, EtherType.ARP, reply);
}

/** The advertisement that a solicitation becomes; undefined: it is dropped. */
export function answerNeighbor(frame: Uint8Array, headers: Headers, pod: Pod): Uint8Array | undefined {
  const { l4, end, source, ttl } = headers;
  const length = end - l4;
  if (length < 24 || u16at(frame, l4) !== 135 << 8 || ttl !== 255 || l4 !== ETH + 40) return undefined;
  const target = frame.subarray(l4 + 8, l4 + 24);
  const own = hexOf(ip16(pod.ipv6));
  if (target[0] === 0xff || hexOf(target) === own || /^0+$/.test(source)) return undefined;
  const linkLocal = /^fe[89ab]/.test(source);
  if (!linkLocal && source !== own) return undefined;
  const option = length >= 32 && frame[l4 + 24] === 1;
  if (option && hexOf(frame.subarray(l4 + 26, l4 + 32)) !== hexOf(macToBytes(pod.mac))) return undefined;
  const ip = { source: textOf(target), destination: textOf(frame.subarray(ETH + 8, ETH + 24)), ttl: 255 };
  const told = { target: ip.source, flags: 0x60000000, option: { type: 2, mac: pod.nodeMac } };
  return ipFrame({ source: pod.nodeMac, destination: pod.mac }, ip, neighbor(136, told));
}

function textOf(bytes: Uint8Array): string {
  return Array.from({ length: 8 }, (_, word) => u16at(bytes, word * 2).toString(16)).join(":");
}
