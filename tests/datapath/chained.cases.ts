// SPDX-License-Identifier: Apache-2.0
// Pods whose device another plugin made, and pods whose device has qdiscs that matter: no short cuts, no answers of ours.
import { DropReason, EndpointConfigFlags, PolicyDirection } from "../../src/abi/index.ts";
import { arriving, bothFamilies, type Case, fromA, fromB, received, sent, toB, Verdict } from "./case.ts";
import { arp, EtherType, frame, ipFrame, neighbor, tcp } from "./packet.ts";
import { type Addresses, internet, podA, podB, podC, router, type World } from "./world.ts";

const { ENDPOINT_NEIGHBORS_PASS, ENDPOINT_BY_STACK, ENDPOINT_ENFORCE_INGRESS } = EndpointConfigFlags;
const chained = ENDPOINT_NEIGHBORS_PASS | ENDPOINT_BY_STACK;
const syn = tcp({ sport: 4000, dport: 80, flags: 2 });
/** What a packet of the test has as ingress device; none in `own` packets of the node. */
const ingressIfindex = 1;
const parentIfindex = 1;
const sipDropped = DropReason.DROP_INVALID_SIP;

const chain = (world: World): void => {
  world.endpoint(podA, { flags: chained });
  world.endpoint(podB, { flags: chained });
};
const shape = (world: World): void => world.endpoint(podB, { flags: ENDPOINT_BY_STACK });
/** Pod A is a port of the device that the packets come from. */
const bridge = (world: World): void => {
  chain(world);
  world.endpoint(podA, { flags: chained, parentIfindex });
};

function arpOf(change: { readonly operation?: number; readonly sender?: string; readonly senderMac?: string }) {
  const message = arp({ senderMac: podA.mac, sender: podA.ipv4, target: router.ipv4, ...change });
  return frame({ source: podA.mac, destination: "ff:ff:ff:ff:ff:ff" }, EtherType.ARP, message);
}

function nd(type: number, target: string, ip: { readonly source?: string; readonly destination?: string } = {}) {
  const ethernet = { source: podA.mac, destination: "33:33:00:00:00:01" };
  return ipFrame(ethernet, { source: podA.ipv6, destination: "ff02::1", ttl: 255, ...ip }, neighbor(type, { target }));
}

const ownLinkLocal = "fe80::800:ff:fe00:a";

export const chainedCases: readonly Case[] = [
  ...bothFamilies((words) => [
    {
      name: "leaves every way to the stack, whoever is at its end, and goes on to other programs on the hook",
      steps: [podB, podC, router, internet].map((to: Addresses) => ({
        change: chain,
        send: sent(words, podA, to, syn),
        into: fromA,
        verdict: Verdict.NEXT,
        packet: sent(words, podA, to, syn),
        mark: 0,
      })),
    },
    {
      name: "takes any destination MAC address, and delivers what is bridged as it is",
      steps: [
        {
          change: chain,
          send: frameTo(words.ip(podA), words.ip(podB), podB.mac),
          into: fromA,
          verdict: Verdict.NEXT,
        },
        {
          change: bridge,
          send: frameTo(words.ip(podA), words.ip(podB), podB.mac),
          into: { ...toB, ingressIfindex },
          verdict: Verdict.NEXT,
          packet: frameTo(words.ip(podA), words.ip(podB), podB.mac),
          events: [{ kind: "trace" as const, sourceIdentity: podA.identity, destinationIdentity: podB.identity }],
        },
      ],
    },
    {
      name: "asks policy by the identity of who sends, both ways",
      steps: [
        {
          change: (world: World) => {
            bridge(world);
            world.endpoint(podB, { flags: chained | ENDPOINT_ENFORCE_INGRESS });
          },
          send: frameTo(words.ip(podA), words.ip(podB), podB.mac),
          into: { ...toB, ingressIfindex },
          drop: DropReason.DROP_POLICY,
          events: [{ kind: "drop" as const, sourceIdentity: podA.identity, destinationIdentity: podB.identity }],
        },
        {
          change: (world: World) => {
            world.policy({
              set: podB.ingressSet,
              direction: PolicyDirection.DIRECTION_INGRESS,
              identity: podA.identity,
            });
          },
          send: frameTo(words.ip(podA), words.ip(podB), podB.mac),
          into: { ...toB, ingressIfindex },
          verdict: Verdict.NEXT,
        },
      ],
    },
    {
      name: "takes what the node itself sends for the host's, from whichever of its addresses",
      steps: [
        {
          change: chain,
          send: arriving(words, internet, podB, syn),
          into: toB,
          verdict: Verdict.NEXT,
          events: [{ kind: "trace" as const, sourceIdentity: 1 }],
        },
      ],
    },
    {
      name: "threats: takes what is forwarded in the name of the host for the world's, and of a pod not at all",
      steps: [
        {
          change: chain,
          send: arriving(words, router, podB, syn),
          into: { ...toB, ingressIfindex },
          verdict: Verdict.NEXT,
          events: [{ kind: "trace" as const, sourceIdentity: words.world }],
        },
        { send: arriving(words, podA, podB, syn), into: { ...toB, ingressIfindex }, drop: sipDropped },
      ],
    },
    {
      name: "threats: drops a forged source address, as of any pod",
      steps: [
        {
          change: chain,
          send: sent(words, { ...podA, ...podB, mac: podA.mac }, podC, syn),
          into: fromA,
          drop: sipDropped,
        },
      ],
    },
    {
      name: "sends a pod's packets to the device of one whose qdiscs matter, where they are judged",
      steps: [
        {
          change: shape,
          send: sent(words, podA, podB, syn),
          into: fromA,
          verdict: Verdict.REDIRECT,
          packet: ipFrame(
            { source: podB.nodeMac, destination: podB.mac },
            { source: words.ip(podA), destination: words.ip(podB) },
            syn,
          ),
          mark: ((podA.identity << 16) | 0x0f00) >>> 0,
        },
        {
          send: arriving(words, podA, podB, syn),
          into: { ...toB, mark: ((podA.identity << 16) | 0x0f00) >>> 0 },
          verdict: Verdict.NEXT,
          packet: received(words, podA, podB, syn),
          events: [{ kind: "trace" as const, sourceIdentity: podA.identity }],
        },
        {
          send: sent(words, podB, podA, tcp({ sport: 80, dport: 4000, flags: 18 })),
          into: fromB,
          verdict: Verdict.NEXT,
        },
      ],
    },
    {
      name: "sends what comes through the tunnel to that device too",
      steps: [
        {
          change: shape,
          send: arriving(words, podC, podB, syn),
          into: { at: "from-overlay" as const, vni: podC.identity, outerSource: "172.31.240.2" },
          verdict: Verdict.REDIRECT,
          mark: ((podC.identity << 16) | 0x0f00) >>> 0,
        },
      ],
    },
  ]),
  {
    name: "lets ARP pass that says nothing of others",
    steps: [
      { change: chain, send: arpOf({}), into: fromA, verdict: Verdict.NEXT },
      { send: arpOf({ operation: 2 }), into: fromA, verdict: Verdict.NEXT },
      { send: arpOf({ sender: "0.0.0.0" }), into: fromA, verdict: Verdict.NEXT },
      { send: arpOf({}), into: toB, verdict: Verdict.NEXT },
    ],
  },
  {
    name: "threats: drops ARP in the name of others",
    steps: [
      { change: chain, send: arpOf({ operation: 2, sender: router.ipv4 }), into: fromA, drop: sipDropped },
      { send: arpOf({ operation: 2, senderMac: podB.mac }), into: fromA, drop: DropReason.DROP_INVALID_SMAC },
    ],
  },
  {
    name: "lets neighbour discovery pass that says nothing of others",
    steps: [
      { change: chain, send: nd(135, router.ipv6), into: fromA, verdict: Verdict.NEXT },
      { send: nd(135, router.ipv6, { destination: router.ipv6 }), into: fromA, verdict: Verdict.NEXT },
      { send: nd(135, podA.ipv6, { source: "::" }), into: fromA, verdict: Verdict.NEXT },
      { send: nd(136, podA.ipv6), into: fromA, verdict: Verdict.NEXT },
      { send: nd(136, ownLinkLocal, { source: ownLinkLocal }), into: fromA, verdict: Verdict.NEXT },
      { send: nd(133, "::"), into: fromA, verdict: Verdict.NEXT },
      { send: nd(136, router.ipv6, { source: router.ipv6 }), into: toB, verdict: Verdict.NEXT },
    ],
  },
  {
    name: "threats: drops neighbour discovery in the name of others, of routers, and to whom a router would forward it",
    steps: [
      { change: chain, send: nd(136, router.ipv6), into: fromA, drop: sipDropped },
      { send: nd(136, "fe80::1"), into: fromA, drop: sipDropped },
      { send: nd(135, router.ipv6, { source: "fe80::1" }), into: fromA, drop: sipDropped },
      { send: nd(134, "::"), into: fromA, drop: DropReason.DROP_FORBIDDEN_ICMP6 },
      { send: nd(137, router.ipv6), into: fromA, drop: DropReason.DROP_FORBIDDEN_ICMP6 },
      {
        send: nd(135, internet.ipv6, { destination: internet.ipv6 }),
        into: fromA,
        drop: DropReason.DROP_FORBIDDEN_ICMP6,
      },
    ],
  },
];

/** As bridged between two pods. */
function frameTo(source: string, destination: string, mac: string): Uint8Array {
  return ipFrame({ source: podA.mac, destination: mac }, { source, destination }, syn);
}
