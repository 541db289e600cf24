// SPDX-License-Identifier: Apache-2.0
// IPv6 neighbour discovery from pods.
import { DropReason } from "../../src/abi/index.ts";
import { type Case, fromA, toA, Verdict } from "./case.ts";
import {
  extension,
  type IpOptions,
  icmp,
  ipFrame,
  type NeighborOptions,
  neighbor,
  type Payload,
  Protocol,
} from "./packet.ts";
import { podA, podB, router } from "./world.ts";

const LINK_LOCAL = "fe80::800:ff:fe00:a";
const ethernet = { source: podA.mac, destination: "33:33:ff:00:00:01" };
const own = { type: 1, mac: podA.mac };

function from(payload: Payload, ip: Partial<IpOptions> = {}, to = ethernet): Uint8Array {
  return ipFrame(to, { source: podA.ipv6, destination: "ff02::1:ff00:1", ttl: 255, ...ip }, payload);
}

function solicit(change: Partial<NeighborOptions> = {}, ip: Partial<IpOptions> = {}): Uint8Array {
  return from(neighbor(135, { target: router.ipv6, option: own, ...change }), ip);
}

function advertise(target: string, destination = podA.ipv6): Uint8Array {
  const answer = neighbor(136, { target, flags: 0x60000000, option: { type: 2, mac: podA.nodeMac } });
  return ipFrame({ source: podA.nodeMac, destination: podA.mac }, { source: target, destination, ttl: 255 }, answer);
}

const forbidden = DropReason.DROP_FORBIDDEN_ICMP6;
const nothing = new Uint8Array(16);

export const ndpCases: readonly Case[] = [
  {
    name: "answers a neighbour solicitation with the host side's MAC address and a right checksum",
    steps: [
      { send: solicit(), into: fromA, verdict: Verdict.REDIRECT, packet: advertise(router.ipv6), silent: ["trace"] },
      { send: solicit({ target: podB.ipv6 }), into: fromA, verdict: Verdict.REDIRECT, packet: advertise(podB.ipv6) },
    ],
  },
  {
    name: "answers a solicitation without an option, as it is sent to the gateway alone",
    steps: [
      {
        send: from(
          neighbor(135, { target: router.ipv6 }),
          { destination: router.ipv6 },
          { ...ethernet, destination: podA.nodeMac },
        ),
        into: fromA,
        verdict: Verdict.REDIRECT,
        packet: advertise(router.ipv6),
      },
    ],
  },
  {
    name: "answers a solicitation with more options by one of the right length",
    steps: [
      {
        send: from(icmp(6, 135, 0, Uint8Array.from([...neighborBody(), 14, 1, 0, 0, 0, 0, 0, 0]))),
        into: fromA,
        verdict: Verdict.REDIRECT,
        packet: advertise(router.ipv6),
      },
    ],
  },
  {
    name: "answers a solicitation from the pod's link-local address",
    steps: [
      {
        send: solicit({}, { source: LINK_LOCAL }),
        into: fromA,
        verdict: Verdict.REDIRECT,
        packet: advertise(router.ipv6, LINK_LOCAL),
      },
    ],
  },
  {
    name: "drops duplicate address detection and solicitations for the pod's own address",
    steps: [
      { send: solicit({}, { source: "::" }), into: fromA, drop: forbidden },
      { send: solicit({ target: podA.ipv6 }), into: fromA, drop: forbidden },
    ],
  },
  {
    name: "threats: drops a solicitation in the name of another address",
    steps: [
      { send: solicit({}, { source: podB.ipv6 }), into: fromA, drop: DropReason.DROP_INVALID_SIP },
      { send: solicit({ option: { type: 1, mac: podB.mac } }), into: fromA, drop: DropReason.DROP_INVALID_SMAC },
    ],
  },
  {
    name: "threats: drops solicitations that were routed, fragmented, or hold what RFC 4861 forbids",
    steps: [
      { send: solicit({}, { ttl: 254 }), into: fromA, drop: forbidden },
      { send: solicit({ code: 1 }), into: fromA, drop: forbidden },
      { send: solicit({ target: "ff02::1" }), into: fromA, drop: forbidden },
      { send: solicit({}, { id: 7, moreFragments: true }), into: fromA, drop: forbidden },
      {
        send: from(extension(Protocol.HOP_BY_HOP, neighbor(135, { target: router.ipv6, option: own }))),
        into: fromA,
        drop: forbidden,
      },
      { send: from(icmp(6, 135, 0, new Uint8Array(8))), into: fromA, drop: forbidden },
    ],
  },
  {
    name: "threats: drops router solicitations and advertisements, neighbour advertisements and redirects of a pod",
    steps: [133, 134, 136, 137].map((type) => ({
      send: from(icmp(6, type, 0, nothing)),
      into: fromA,
      drop: forbidden,
    })),
  },
  {
    name: "drops multicast listener messages, with their hop-by-hop header",
    steps: [130, 131, 132, 143].map((type) => ({
      send: from(extension(Protocol.HOP_BY_HOP, icmp(6, type, 0, nothing), [5, 2, 0, 0])),
      into: fromA,
      drop: forbidden,
    })),
  },
  {
    name: "drops neighbour discovery from the stack to a pod",
    steps: [135, 136].map((type) => ({
      send: from(neighbor(type, { target: podA.ipv6 }), { source: router.ipv6, destination: podA.ipv6 }),
      into: toA,
      drop: forbidden,
    })),
  },
];

/** What follows the checksum of a solicitation for the gateway. */
function neighborBody(): Uint8Array {
  return neighbor(135, { target: router.ipv6, option: own }).bytes(podA.ipv6, router.ipv6).subarray(4);
}
