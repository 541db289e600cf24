// SPDX-License-Identifier: Apache-2.0
// What the node's stack sends through cilium_host.
import { DropReason, TracePoint } from "../../src/abi/index.ts";
import { bothFamilies, type Case, type FamilyWords, type Hook, Verdict } from "./case.ts";
import { arp, EtherType, frame, ipFrame, tcp, udp } from "./packet.ts";
import {
  type Addresses,
  cidrHost,
  internet,
  nobody,
  otherNode,
  otherRouter,
  podA,
  podB,
  podC,
  router,
  TUNNEL_IFINDEX,
} from "./world.ts";

const fromHost: Hook = { at: "from-host" };
const forwarded: Hook = { at: "from-host", ingressIfindex: 1 };
const ethernet = { source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" };

function packet(words: FamilyWords, from: Addresses, to: Addresses): Uint8Array {
  return ipFrame(
    ethernet,
    { source: words.ip(from), destination: words.ip(to) },
    tcp({ sport: 1, dport: 80, flags: 2 }),
  );
}

/** As bpf/lib/mark.h has it, scope and all. */
function identityMark(identity: number): number {
  return ((identity << 16) | ((identity >>> 16) & 0xff) | (((identity >>> 24) & 3) << 12) | 0x0f00) >>> 0;
}

export const hostCases: readonly Case[] = [
  ...bothFamilies((words) => [
    {
      name: "redirects to a local pod's device with the source's identity as mark",
      steps: [
        { from: router, identity: 1 },
        { from: internet, identity: words.world },
        { from: cidrHost, identity: cidrHost.identity },
        { from: podA, identity: podA.identity },
      ].map(({ from, identity }) => ({
        send: packet(words, from, podB),
        into: fromHost,
        verdict: Verdict.REDIRECT,
        mark: identityMark(identity),
        events: [
          {
            kind: "trace" as const,
            point: TracePoint.TRACE_FROM_HOST,
            sourceIdentity: identity,
            destinationIdentity: podB.identity,
          },
        ],
      })),
    },
    {
      name: "encapsulates for a pod and for the host of another node",
      steps: [podC, otherRouter].map((to) => ({
        send: packet(words, router, to),
        into: fromHost,
        verdict: Verdict.REDIRECT,
        mark: 0x00010400,
        tunnel: { vni: 1, to: otherNode.ipv4 },
        events: [
          { kind: "trace" as const, point: TracePoint.TRACE_TO_OVERLAY, sourceIdentity: 1, ifindex: TUNNEL_IFINDEX },
        ],
      })),
    },
    {
      name: "sends no identity of this node's own scope to other nodes",
      steps: [
        {
          send: packet(words, cidrHost, podC),
          into: fromHost,
          verdict: Verdict.REDIRECT,
          mark: (words.world << 16) | 0x0400,
        },
        {
          change: (world) => world.ipcache(words.ip(cidrHost), { identity: 0x0200_0001 }),
          send: packet(words, cidrHost, podC),
          into: fromHost,
          verdict: Verdict.REDIRECT,
          mark: (6 << 16) | 0x0400,
        },
      ],
    },
    {
      name: "drops what is for an address that no pod has",
      steps: [
        { send: packet(words, router, nobody), into: fromHost, drop: DropReason.DROP_NO_LOCAL_ENDPOINT },
        {
          change: (world) => world.endpointNotReady(podB),
          send: packet(words, router, podB),
          into: fromHost,
          drop: DropReason.DROP_NO_LOCAL_ENDPOINT,
        },
      ],
    },
    {
      name: "threats: drops packets from outside in the name of another node's pod",
      steps: [
        {
          send: packet(words, podC, podB),
          into: forwarded,
          drop: DropReason.DROP_INVALID_SIP,
          events: [{ kind: "drop", sourceIdentity: podC.identity }],
        },
        {
          send: packet(words, internet, podB),
          into: forwarded,
          verdict: Verdict.REDIRECT,
          mark: identityMark(words.world),
        },
        { send: packet(words, otherRouter, podB), into: forwarded, drop: DropReason.DROP_INVALID_SIP },
      ],
    },
    {
      name: "threats: drops packets from outside in the name of a pod of this node",
      steps: [
        { send: packet(words, podA, podB), into: forwarded, drop: DropReason.DROP_INVALID_SIP },
        {
          send: packet(words, podA, podB),
          into: { at: "from-host", ingressIfindex: podA.ifindex },
          verdict: Verdict.REDIRECT,
          mark: identityMark(podA.identity),
        },
      ],
    },
    {
      name: "threats: takes what it forwards in the name of the host itself for the world's",
      steps: [
        {
          send: packet(words, router, podB),
          into: forwarded,
          verdict: Verdict.REDIRECT,
          mark: identityMark(words.world),
        },
        {
          send: packet(words, router, podC),
          into: forwarded,
          mark: (words.world << 16) | 0x0400,
          verdict: Verdict.REDIRECT,
        },
      ],
    },
    {
      name: "leaves what is for this node itself alone",
      steps: [{ send: packet(words, podA, router), into: fromHost, verdict: Verdict.PASS }],
    },
  ]),
  {
    name: "leaves multicast and what is not IP alone",
    steps: [
      {
        send: ipFrame(ethernet, { source: router.ipv6, destination: "ff02::1" }, udp({ sport: 1, dport: 2 })),
        into: fromHost,
        verdict: Verdict.PASS,
      },
      {
        send: ipFrame(ethernet, { source: router.ipv4, destination: "224.0.0.1" }, udp({ sport: 1, dport: 2 })),
        into: fromHost,
        verdict: Verdict.PASS,
      },
      {
        send: frame(
          ethernet,
          EtherType.ARP,
          arp({ senderMac: ethernet.source, sender: router.ipv4, target: podA.ipv4 }),
        ),
        into: fromHost,
        verdict: Verdict.PASS,
      },
    ],
  },
];
