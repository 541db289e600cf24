// SPDX-License-Identifier: Apache-2.0
// IPv6 extension headers: walked when harmless, dropped when they change where a packet goes or hide what it is.
import { DropReason } from "../../src/abi/index.ts";
import { type Case, fromA, Verdict } from "./case.ts";
import { extension, type IpOptions, ipFrame, type Payload, Protocol, part, raw, tcp, udp } from "./packet.ts";
import { ingress } from "./rules.ts";
import { podA, podB } from "./world.ts";

const syn = tcp({ sport: 4000, dport: 80, flags: 2 });
const { HOP_BY_HOP, DESTINATION, AUTH, ROUTING, MOBILITY, FRAGMENT } = Protocol;

function send(payload: Payload, ip: Partial<IpOptions> = {}): Uint8Array {
  const ethernet = { source: podA.mac, destination: podA.nodeMac };
  return ipFrame(ethernet, { source: podA.ipv6, destination: podB.ipv6, ...ip }, payload);
}

function delivered(payload: Payload): Uint8Array {
  const ethernet = { source: podB.nodeMac, destination: podB.mac };
  return ipFrame(ethernet, { source: podA.ipv6, destination: podB.ipv6, ttl: 63 }, payload);
}

/** `count` destination options headers, one behind the other. */
function chain(count: number, payload: Payload): Payload {
  return count === 0 ? payload : extension(DESTINATION, chain(count - 1, payload));
}

const walked: readonly (readonly [string, Payload])[] = [
  ["hop-by-hop options", extension(HOP_BY_HOP, syn)],
  ["destination options", extension(DESTINATION, syn)],
  ["long destination options", extension(DESTINATION, syn, new Array<number>(100).fill(1))],
  ["an authentication header", extension(AUTH, syn, new Array<number>(22).fill(0))],
  ["three headers", extension(HOP_BY_HOP, extension(DESTINATION, extension(AUTH, syn, new Array<number>(10).fill(0))))],
  ["six headers", chain(6, syn)],
];

const refused: readonly (readonly [string, Payload])[] = [
  ["seven headers", chain(7, syn)],
  ["a routing header", extension(ROUTING, syn)],
  ["a routing header behind options", extension(DESTINATION, extension(ROUTING, syn))],
  ["a mobility header", extension(MOBILITY, syn)],
  ["hop-by-hop options that are not first", extension(DESTINATION, extension(HOP_BY_HOP, syn))],
  ["HIP", extension(139, syn)],
  ["shim6", extension(140, syn)],
  ["experimental headers", extension(253, syn)],
  ["a header that is longer than the packet", raw(DESTINATION, Uint8Array.of(6, 255, 0, 0, 0, 0, 0, 0))],
  ["a truncated header", raw(DESTINATION, Uint8Array.of(6, 0, 0, 0))],
];

export const extensionHeaderCases: readonly Case[] = [
  ...walked.map(([name, payload]) => ({
    name: `reads past ${name} to the ports`,
    steps: [
      {
        change: ingress(podB, { protocol: Protocol.TCP, port: 80 }),
        send: send(payload),
        into: fromA,
        verdict: Verdict.REDIRECT,
        packet: delivered(payload),
      },
    ],
  })),
  ...walked.map(([name, payload]) => ({
    name: `threats: judges by the ports behind ${name}`,
    steps: [
      {
        change: ingress(podB, { protocol: Protocol.TCP, port: 81 }),
        send: send(payload),
        into: fromA,
        drop: DropReason.DROP_POLICY,
        events: [{ kind: "verdict" as const, destinationPort: 80, protocol: Protocol.TCP }],
      },
    ],
  })),
  ...refused.map(([name, payload]) => ({
    name: `threats: drops ${name}`,
    steps: [{ send: send(payload), into: fromA, drop: DropReason.DROP_INVALID_EXTENSION_HEADER }],
  })),
  {
    name: "threats: drops what hides behind ESP or claims to be nothing",
    steps: [
      {
        send: send(extension(DESTINATION, raw(Protocol.ESP, new Uint8Array(16)))),
        into: fromA,
        drop: DropReason.DROP_UNKNOWN_L4,
      },
      {
        send: send(extension(DESTINATION, raw(Protocol.NONE, new Uint8Array(16)))),
        into: fromA,
        drop: DropReason.DROP_UNKNOWN_L4,
      },
    ],
  },
  {
    name: "threats: drops a packet that ends with its extension headers",
    steps: [
      {
        send: send(extension(DESTINATION, raw(Protocol.TCP, new Uint8Array()))),
        into: fromA,
        drop: DropReason.DROP_CT_INVALID_HEADER,
      },
      {
        send: send(extension(HOP_BY_HOP, raw(Protocol.UDP, new Uint8Array(4)))),
        into: fromA,
        drop: DropReason.DROP_CT_INVALID_HEADER,
      },
    ],
  },
  {
    name: "threats: drops fragments whose headers go on behind the fragment header",
    steps: [
      {
        send: send(part(extension(DESTINATION, udp({ sport: 1, dport: 53 })), 0), { id: 3, moreFragments: true }),
        into: fromA,
        drop: DropReason.DROP_INVALID_EXTENSION_HEADER,
      },
      {
        send: send(raw(FRAGMENT, Uint8Array.of(FRAGMENT, 0, 0, 1, 0, 0, 0, 3, 17, 0, 0, 1, 0, 0, 0, 3))),
        into: fromA,
        drop: DropReason.DROP_INVALID_EXTENSION_HEADER,
      },
    ],
  },
];
