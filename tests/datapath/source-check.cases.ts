// SPDX-License-Identifier: Apache-2.0
// What a pod may claim to be, and which frames are understood at all.
import { DropReason, EndpointConfigFlags } from "../../src/abi/index.ts";
import { bothFamilies, type Case, fromA, received, sent, Verdict } from "./case.ts";
import { concat, EtherType, echo, frame, ipFrame, ipv4, ipv6, raw, tcp, u16, udp } from "./packet.ts";
import { internet, nobody, podA, podB } from "./world.ts";

const syn = tcp({ sport: 4000, dport: 80, flags: 2 });
const gateway = { source: podA.mac, destination: podA.nodeMac };

export const sourceCheckCases: readonly Case[] = [
  ...bothFamilies((words) => [
    {
      name: "passes a packet with the pod's own MAC and IP address",
      steps: [
        {
          send: sent(words, podA, podB, syn),
          into: fromA,
          verdict: Verdict.REDIRECT,
          packet: received(words, podA, podB, syn),
        },
      ],
    },
    {
      name: "threats: drops a packet with another MAC address",
      steps: [
        { send: sent(words, { ...podA, mac: podB.mac }, podB, syn), into: fromA, drop: DropReason.DROP_INVALID_SMAC },
      ],
    },
    {
      name: "threats: drops a packet with the address of another pod, the host or the Internet",
      steps: [podB, nobody, internet].map((other) => ({
        send: sent(words, podA, podB, syn, { source: words.ip(other) }),
        into: fromA,
        drop: DropReason.DROP_INVALID_SIP,
        events: [{ kind: "drop" as const, sourceIdentity: podA.identity, endpoint: podA.id }],
      })),
    },
    {
      name: "passes another address of an endpoint that may have any, but no other MAC address",
      steps: [
        {
          change: (world) => world.endpoint(podA, { flags: EndpointConfigFlags.ENDPOINT_ANY_SOURCE }),
          send: sent(words, podA, podB, syn, { source: words.ip(internet) }),
          into: fromA,
          verdict: Verdict.REDIRECT,
          events: [{ kind: "trace" as const, sourceIdentity: podA.identity, endpoint: podB.id }],
        },
        { send: sent(words, { ...podA, mac: podB.mac }, podB, syn), into: fromA, drop: DropReason.DROP_INVALID_SMAC },
      ],
    },
    {
      name: "drops a packet that is for another MAC address than the gateway's",
      steps: [
        {
          send: sent(words, { ...podA, nodeMac: podB.mac }, podB, syn),
          into: fromA,
          drop: DropReason.DROP_INVALID_DMAC,
        },
        {
          send: sent(words, { ...podA, nodeMac: "ff:ff:ff:ff:ff:ff" }, podB, syn),
          into: fromA,
          drop: DropReason.DROP_INVALID_DMAC,
        },
      ],
    },
    {
      name: "drops packets whose IP length does not fit the frame",
      steps: [
        { send: sent(words, podA, podB, syn, { totalLength: 1000 }), into: fromA, drop: DropReason.DROP_INVALID },
        { send: sent(words, podA, podB, syn, { version: 5 }), into: fromA, drop: DropReason.DROP_INVALID },
      ],
    },
    {
      name: "threats: does not read ports behind the end of the IP packet",
      steps: [
        { payload: syn, length: 19 },
        { payload: udp({ sport: 1, dport: 53 }), length: 7 },
        { payload: echo(words.family, "request", 1), length: 7 },
      ].map(({ payload, length }) => ({
        send: sent(words, podA, podB, payload, { totalLength: (words.family === 4 ? 20 : 0) + length }),
        into: fromA,
        drop: DropReason.DROP_CT_INVALID_HEADER,
      })),
    },
    {
      name: "threats: drops frames with a VLAN tag that the device took off",
      steps: [
        {
          send: sent(words, podA, podB, syn),
          into: { at: "from-pod", pod: podA, vlan: true },
          drop: DropReason.DROP_VLAN_FILTERED,
        },
      ],
    },
    {
      name: "threats: takes a mark that came with the packet away before the stack sees it",
      steps: [
        {
          send: sent(words, podA, internet, syn),
          into: { at: "from-pod", pod: podA, mark: 0x00010f00 },
          verdict: Verdict.PASS,
          mark: 0,
        },
      ],
    },
    {
      name: "drops everything of an endpoint whose slot is not ready",
      steps: [
        {
          change: (world) => world.endpointNotReady(podA),
          send: sent(words, podA, podB, syn),
          into: fromA,
          drop: DropReason.DROP_EP_NOT_READY,
        },
        {
          change: (world) => {
            world.endpoint(podA);
            world.endpointNotReady(podB);
          },
          send: sent(words, podA, podB, syn),
          into: fromA,
          // Nobody is behind the address then: it is routed, and dropped where pods' routes end.
          verdict: Verdict.PASS,
        },
      ],
    },
    {
      name: "threats: fails closed when a tail call's slot is empty",
      steps: [
        {
          change: (world) => world.setCalls(false),
          send: sent(words, podA, podB, syn),
          into: fromA,
          drop: DropReason.DROP_MISSED_TAIL_CALL,
        },
      ],
    },
  ]),
  {
    name: "drops a packet whose header is longer or shorter than an IPv4 header can be",
    steps: [
      {
        send: ipFrame(gateway, { source: podA.ipv4, destination: podB.ipv4, headerWords: 4 }, syn),
        into: fromA,
        drop: DropReason.DROP_INVALID,
      },
      {
        send: ipFrame(gateway, { source: podA.ipv4, destination: podB.ipv4, headerWords: 15 }, syn),
        into: fromA,
        drop: DropReason.DROP_INVALID,
      },
      {
        send: ipFrame(gateway, { source: podA.ipv4, destination: podB.ipv4, totalLength: 19 }, syn),
        into: fromA,
        drop: DropReason.DROP_INVALID,
      },
    ],
  },
  {
    name: "threats: drops IPv4 source routes, however they are placed",
    steps: [
      [0x83, 7, 4, 10, 1, 0, 99],
      [0x89, 7, 4, 10, 1, 0, 99],
      [1, 1, 1, 0x83, 7, 4, 10, 1, 0, 99],
      [7, 7, 4, 0, 0, 0, 0, 0x89, 3, 4],
    ].map((options) => ({
      send: ipFrame(gateway, { source: podA.ipv4, destination: podB.ipv4, options }, syn),
      into: fromA,
      drop: DropReason.DROP_INVALID,
    })),
  },
  {
    name: "threats: drops IPv4 options whose length is wrong",
    steps: [
      [7, 0, 0, 0],
      [7, 1, 0, 0],
      [7, 9, 4, 0],
    ].map((options) => ({
      send: ipFrame(gateway, { source: podA.ipv4, destination: podB.ipv4, options }, syn),
      into: fromA,
      drop: DropReason.DROP_INVALID,
    })),
  },
  {
    name: "reads past other IPv4 options to the ports",
    steps: [
      [1, 1, 1, 0],
      [7, 7, 4, 0, 0, 0, 0, 0],
      [148, 4, 0, 0],
      [0, 0x83, 7, 4],
    ].map((options) => ({
      send: ipFrame(gateway, { source: podA.ipv4, destination: podB.ipv4, options }, syn),
      into: fromA,
      verdict: Verdict.REDIRECT,
      packet: ipFrame(
        { source: podB.nodeMac, destination: podB.mac },
        { source: podA.ipv4, destination: podB.ipv4, ttl: 63, options },
        syn,
      ),
    })),
  },
  {
    name: "threats: drops multicast and broadcast of a pod",
    steps: [
      ["224.0.0.251", "01:00:5e:00:00:fb"],
      ["255.255.255.255", "ff:ff:ff:ff:ff:ff"],
      ["239.1.2.3", podA.nodeMac],
      ["ff02::fb", "33:33:00:00:00:fb"],
      ["ff05::2", podA.nodeMac],
    ].map(([destination = "", mac = ""]) => ({
      send: ipFrame(
        { source: podA.mac, destination: mac },
        { source: destination.includes(":") ? podA.ipv6 : podA.ipv4, destination },
        udp({ sport: 5353, dport: 5353 }),
      ),
      into: fromA,
      drop: DropReason.DROP_UNKNOWN_TARGET,
    })),
  },
  {
    name: "drops other Ethernet protocols, VLAN tags too",
    steps: [
      { send: frame(gateway, 0x88cc, new Uint8Array(50)), into: fromA, drop: DropReason.DROP_UNSUPPORTED_L2 },
      {
        send: frame(
          gateway,
          EtherType.VLAN,
          concat(u16(7), u16(EtherType.IPV4), ipv4({ source: podA.ipv4, destination: podB.ipv4 }, syn)),
        ),
        into: fromA,
        drop: DropReason.DROP_UNSUPPORTED_L2,
      },
    ],
  },
  {
    name: "drops IP versions that do not fit the Ethernet type",
    steps: [
      {
        send: frame(gateway, EtherType.IPV6, ipv4({ source: podA.ipv4, destination: podB.ipv4 }, syn)),
        into: fromA,
        drop: DropReason.DROP_INVALID,
      },
      {
        send: frame(gateway, EtherType.IPV4, ipv6({ source: podA.ipv6, destination: podB.ipv6 }, syn)),
        into: fromA,
        drop: DropReason.DROP_INVALID,
      },
    ],
  },
  ...bothFamilies((words) => [
    {
      name: "drops transport protocols that it does not know",
      steps: [
        {
          send: sent(words, podA, podB, raw(47, new Uint8Array(16))),
          into: fromA,
          drop: DropReason.DROP_CT_UNKNOWN_PROTO,
        },
        {
          send: sent(words, podA, podB, raw(4, new Uint8Array(40))),
          into: fromA,
          drop: DropReason.DROP_CT_UNKNOWN_PROTO,
        },
        { send: sent(words, podA, podB, raw(50, new Uint8Array(16))), into: fromA, drop: DropReason.DROP_UNKNOWN_L4 },
        { send: sent(words, podA, podB, raw(59, new Uint8Array())), into: fromA, drop: DropReason.DROP_UNKNOWN_L4 },
        {
          // The other family's ICMP.
          send: sent(words, podA, podB, raw(words.family === 4 ? 58 : 1, Uint8Array.of(128, 0, 0, 0, 0, 0, 0, 0))),
          into: fromA,
          drop: DropReason.DROP_CT_UNKNOWN_PROTO,
        },
      ],
    },
    {
      name: "drops TCP headers that cannot be",
      steps: [
        {
          send: sent(words, podA, podB, tcp({ sport: 1, dport: 2, headerWords: 4 })),
          into: fromA,
          drop: DropReason.DROP_CT_INVALID_HEADER,
        },
        {
          send: sent(words, podA, podB, tcp({ sport: 1, dport: 2, headerWords: 6 })),
          into: fromA,
          drop: DropReason.DROP_CT_INVALID_HEADER,
        },
        {
          send: sent(words, podA, podB, tcp({ sport: 1, dport: 2, flags: 3 })),
          into: fromA,
          drop: DropReason.DROP_INVALID,
        },
        {
          send: sent(words, podA, podB, tcp({ sport: 1, dport: 2, flags: 6 })),
          into: fromA,
          drop: DropReason.DROP_INVALID,
        },
      ],
    },
  ]),
];
