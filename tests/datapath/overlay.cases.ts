// SPDX-License-Identifier: Apache-2.0
// The tunnel between nodes, both ends.
import { DropReason, TracePoint } from "../../src/abi/index.ts";
import {
  arriving,
  bothFamilies,
  type Case,
  type FamilyWords,
  fromA,
  type Hook,
  received,
  sent,
  Verdict,
} from "./case.ts";
import { arp, EtherType, frame, tcp } from "./packet.ts";
import { all, ingress } from "./rules.ts";
import { nobody, otherNode, otherRouter, podA, podB, podC, router, TUNNEL_IFINDEX } from "./world.ts";

/** Of a node, in this node's own scope. */
const nodeIdentity = 0x0200_0001;

const syn = tcp({ sport: 4000, dport: 80, flags: 2 });

function tunnel(vni: number, outerSource: string = otherNode.ipv4): Hook & { readonly at: "from-overlay" } {
  return { at: "from-overlay", vni, outerSource };
}

const fromC = (words: FamilyWords) => arriving(words, podC, podB, syn);

export const overlayCases: readonly Case[] = [
  ...bothFamilies((words) => [
    {
      name: "encapsulates for a pod of another node, with the source's identity",
      steps: [
        {
          send: sent(words, podA, podC, syn),
          into: fromA,
          verdict: Verdict.REDIRECT,
          packet: sent(words, podA, podC, syn),
          mark: (podA.identity << 16) | 0x0400,
          tunnel: { vni: podA.identity, to: otherNode.ipv4 },
          events: [
            {
              kind: "trace",
              point: TracePoint.TRACE_TO_OVERLAY,
              sourceIdentity: podA.identity,
              destinationIdentity: podC.identity,
              ifindex: TUNNEL_IFINDEX,
            },
          ],
        },
      ],
    },
    {
      name: "encapsulates over an IPv6 underlay",
      steps: [
        {
          change: (world) => world.ipcache(words.ip(podC), { identity: podC.identity, tunnel: otherNode.ipv6 }),
          send: sent(words, podA, podC, syn),
          into: fromA,
          verdict: Verdict.REDIRECT,
          tunnel: { vni: podA.identity, to: otherNode.ipv6 },
        },
      ],
    },
    ...[otherNode.ipv4, otherNode.ipv6].map((node) => ({
      name: `delivers what another node sends from ${node}, with the identity of the tunnel key`,
      steps: [
        {
          change: ingress(podB, { identity: podC.identity, cookie: 5 }),
          send: fromC(words),
          into: tunnel(podC.identity, node),
          verdict: Verdict.REDIRECT,
          packet: received(words, podC, podB, syn),
          events: [
            {
              kind: "trace" as const,
              point: TracePoint.TRACE_FROM_OVERLAY,
              sourceIdentity: podC.identity,
              destinationEndpoint: podB.id,
            },
            { kind: "verdict" as const, remoteIdentity: podC.identity, cookie: 5 },
            {
              kind: "trace" as const,
              point: TracePoint.TRACE_TO_ENDPOINT,
              sourceIdentity: podC.identity,
              endpoint: podB.id,
            },
          ],
        },
      ],
    })),
    {
      name: "takes the identity of the tunnel key, not the one that the ipcache has for the source",
      steps: [
        {
          change: ingress(podB, { identity: podC.identity }),
          send: fromC(words),
          into: tunnel(1234),
          drop: DropReason.DROP_POLICY,
          events: [{ kind: "drop", sourceIdentity: 1234, destinationIdentity: podB.identity }],
        },
      ],
    },
    {
      name: "knows another node's host as remote node",
      steps: [
        {
          change: ingress(podB, { identity: 6 }),
          send: arriving(words, otherRouter, podB, syn),
          into: tunnel(1),
          verdict: Verdict.REDIRECT,
          events: [{ kind: "verdict", remoteIdentity: 6 }],
        },
      ],
    },
    {
      name: "tells another node's host from others by its address, where nodes have identities of their own",
      steps: [1, 6].map((vni) => ({
        change: all(ingress(podB, { identity: nodeIdentity }), (world) =>
          world.ipcache(words.ip(otherRouter), { identity: nodeIdentity }),
        ),
        send: arriving(words, otherRouter, podB, tcp({ sport: 4000 + vni, dport: 80, flags: 2 })),
        into: tunnel(vni),
        verdict: Verdict.REDIRECT,
        events: [{ kind: "verdict" as const, remoteIdentity: nodeIdentity }],
      })),
    },
    {
      name: "threats: no pod has a node's identity by its address, and no node one of the world",
      steps: [
        {
          change: all(ingress(podB, { identity: nodeIdentity }), (world) =>
            world.ipcache(words.ip(podC), { identity: nodeIdentity }),
          ),
          send: fromC(words),
          into: tunnel(podC.identity),
          drop: DropReason.DROP_POLICY,
          events: [{ kind: "drop" as const, sourceIdentity: podC.identity }],
        },
        {
          change: (world) => world.ipcache(words.ip(otherRouter), { identity: 0x0100_0001 }),
          send: arriving(words, otherRouter, podB, syn),
          into: tunnel(1),
          drop: DropReason.DROP_POLICY,
          events: [{ kind: "drop" as const, sourceIdentity: 6 }],
        },
      ],
    },
    {
      name: "hands over what is for this node's own address",
      steps: [
        {
          send: arriving(words, podC, { ...podB, ipv4: router.ipv4, ipv6: router.ipv6 }, syn),
          into: { ...tunnel(podC.identity), mark: 0x00010f00 },
          verdict: Verdict.PASS,
          mark: 0,
          events: [{ kind: "trace", point: TracePoint.TRACE_TO_HOST, destinationIdentity: 1 }],
        },
      ],
    },
    {
      name: "threats: drops tunnel packets of a sender that is no known node",
      steps: ["172.31.240.9", "fd00:31:240::9", podA.ipv4, podC.ipv6].map((sender) => ({
        send: fromC(words),
        into: tunnel(podC.identity, sender),
        drop: DropReason.DROP_UNKNOWN_SENDER,
      })),
    },
    {
      name: "threats: drops tunnel packets without an identity",
      steps: [{ send: fromC(words), into: tunnel(0), drop: DropReason.DROP_INVALID_IDENTITY }],
    },
    {
      name: "threats: drops tunnel packets in the name of this node's own pods and addresses",
      steps: [podA, router].map((from) => ({
        send: arriving(words, from, podB, syn),
        into: tunnel(podC.identity),
        drop: DropReason.DROP_INVALID_SIP,
      })),
    },
    {
      name: "drops tunnel packets for an address that nobody has here",
      steps: [nobody, podC].map((to) => ({
        send: arriving(words, podC, { ...podB, ipv4: to.ipv4, ipv6: to.ipv6 }, syn),
        into: tunnel(podC.identity),
        drop: DropReason.DROP_NO_LOCAL_ENDPOINT,
        events: [{ kind: "drop" as const, sourceIdentity: podC.identity, direction: 1 }],
      })),
    },
    {
      name: "drops at the tunnel device what came without a tunnel key",
      steps: [{ send: fromC(words), into: { at: "from-overlay-without-key" }, drop: DropReason.DROP_NO_TUNNEL_KEY }],
    },
    {
      name: "fails closed when the pod's program is missing",
      steps: [
        {
          change: (world) => world.setCalls(false),
          send: fromC(words),
          into: tunnel(podC.identity),
          drop: DropReason.DROP_MISSED_TAIL_CALL,
        },
      ],
    },
    {
      name: "threats: lets nothing leave through the tunnel that was not encapsulated by the programs",
      steps: [
        {
          send: sent(words, podA, podC, syn),
          into: { at: "to-overlay-without-key" },
          drop: DropReason.DROP_NO_TUNNEL_KEY,
        },
        {
          send: sent(words, podA, podC, syn),
          into: { at: "to-overlay", vni: 1000, mark: 0 },
          drop: DropReason.DROP_NO_TUNNEL_KEY,
        },
        {
          send: sent(words, podA, podC, syn),
          into: { at: "to-overlay", vni: 1001, mark: 0x03e80400 },
          drop: DropReason.DROP_NO_TUNNEL_KEY,
        },
        {
          send: sent(words, podA, podC, syn),
          into: { at: "to-overlay", vni: 1000, mark: 0x03e80400 },
          verdict: Verdict.PASS,
        },
        {
          send: sent(words, podA, podC, syn),
          into: { at: "to-overlay", vni: 0x051234, mark: 0x12340405 },
          verdict: Verdict.PASS,
        },
      ],
    },
  ]),
  {
    name: "drops tunnel packets that are not IP",
    steps: [
      {
        send: frame(
          { source: podA.mac, destination: podB.mac },
          EtherType.ARP,
          arp({ senderMac: podA.mac, sender: podC.ipv4, target: podB.ipv4 }),
        ),
        into: tunnel(podC.identity),
        drop: DropReason.DROP_UNSUPPORTED_L2,
      },
    ],
  },
];
