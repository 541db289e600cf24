// SPDX-License-Identifier: Apache-2.0
// ipvlan pods: what the hooks of their master, of lo and of cilium_host do with their packets, and the filter in the pod.
import { DropReason, EndpointConfigFlags, PolicyDirection, TracePoint } from "../../src/abi/index.ts";
import { bothFamilies, type Case, type FamilyWords, type Hook, Verdict } from "./case.ts";
import { arp, EtherType, frame, ipFrame, neighbor, tcp } from "./packet.ts";
import { type Addresses, internet, LOOPBACK, nobody, podA, podB, podC, router, type World } from "./world.ts";

const { ENDPOINT_IPVLAN, ENDPOINT_ENFORCE_EGRESS, ENDPOINT_ENFORCE_INGRESS } = EndpointConfigFlags;
const syn = tcp({ sport: 4000, dport: 80, flags: 2 });
/** IPVLAN_GATEWAY_MAC of bpf/abi/endpoint.h. */
const gatewayMac = "02:69:70:76:6c:61";
const stackMac = "0e:00:00:00:00:55";
/** Of the loopback device, on which test runs are. */
const masterMac = "00:00:00:00:00:00";
const nextHopMac = "02:00:00:00:00:01";
const JUDGED = 0x0500;

/** Variables of bpf/lib/config.h under which the cases hold: the device of test runs is the master. */
export const ipvlanVariables = {
  tunnel_ifindex: 0,
  ipvlan_ifindex: LOOPBACK,
  ipvlan_stack_ifindex: 55,
  ipvlan_stack_mac: Number.parseInt(stackMac.replaceAll(":", ""), 16),
} as const;

const sent: Hook = { at: "to-netdev" };
const forwarded: Hook = { at: "to-netdev", ingressIfindex: LOOPBACK };
const arrives: Hook = { at: "from-netdev" };

const slaveA = (world: World): void => world.endpoint(podA, { flags: ENDPOINT_IPVLAN, ifindex: LOOPBACK });
const slaves = (world: World): void => {
  slaveA(world);
  world.endpoint(podB, { flags: ENDPOINT_IPVLAN, ifindex: LOOPBACK });
};

interface Ends {
  readonly from: Addresses;
  readonly to: Addresses;
}

function packet(
  words: FamilyWords,
  { from, to }: Ends,
  destination: string,
  change: { source?: string; ttl?: number } = {},
) {
  const ethernet = { source: change.source ?? masterMac, destination };
  const ttl = change.ttl === undefined ? {} : { ttl: change.ttl };
  return ipFrame(ethernet, { source: words.ip(from), destination: words.ip(to), ...ttl }, syn);
}

function identityMark(identity: number): number {
  return ((identity << 16) | 0x0f00) >>> 0;
}

function fromSlave(words: FamilyWords): readonly Case[] {
  const toStack = { verdict: Verdict.REDIRECT, mark: 0 } as const;
  return [
    {
      name: "brings what a slave sends to the stack, judged, as if a device of the node's own had brought it",
      steps: [podC, router, internet, nobody].map((to) => ({
        change: slaveA,
        send: packet(words, { from: podA, to }, gatewayMac),
        into: sent,
        ...toStack,
        packet: packet(words, { from: podA, to }, stackMac),
        events: [{ kind: "trace" as const, point: TracePoint.TRACE_TO_STACK, sourceIdentity: podA.identity }],
      })),
    },
    {
      name: "sends a slave's packet to a pod with a pair by that pod's device, and says who sent it",
      steps: [
        {
          change: slaveA,
          send: packet(words, { from: podA, to: podB }, gatewayMac),
          into: sent,
          verdict: Verdict.REDIRECT,
          packet: packet(words, { from: podA, to: podB }, podB.mac, { source: podB.nodeMac }),
          mark: identityMark(podA.identity),
        },
      ],
    },
    {
      name: "judges both ends of a packet between slaves, and gives it to the master",
      steps: [
        {
          change: slaves,
          send: packet(words, { from: podA, to: podB }, gatewayMac),
          into: sent,
          verdict: Verdict.REDIRECT,
          packet: packet(words, { from: podA, to: podB }, gatewayMac, { ttl: 63 }),
          mark: JUDGED,
          events: [
            {
              kind: "trace",
              point: TracePoint.TRACE_TO_ENDPOINT,
              sourceIdentity: podA.identity,
              destinationEndpoint: podB.id,
            },
          ],
        },
        {
          change: (world) =>
            world.endpoint(podB, { flags: ENDPOINT_IPVLAN | ENDPOINT_ENFORCE_INGRESS, policyRevision: 2 }),
          send: packet(words, { from: podA, to: podB }, gatewayMac),
          into: sent,
          drop: DropReason.DROP_POLICY,
        },
      ],
    },
    {
      name: "asks a slave's own policy wherever it sends to",
      steps: [podB, podC, router, internet].map((to) => ({
        change: (world: World) => world.endpoint(podA, { flags: ENDPOINT_IPVLAN | ENDPOINT_ENFORCE_EGRESS }),
        send: packet(words, { from: podA, to }, gatewayMac),
        into: sent,
        drop: DropReason.DROP_POLICY,
        events: [{ kind: "drop" as const, sourceIdentity: podA.identity }],
      })),
    },
    {
      name: "threats: drops what a slave sends in the name of the host, of a pod with a pair, and of whoever is elsewhere",
      steps: [router, podB, podC, internet, nobody].map((from) => ({
        change: slaveA,
        send: packet(words, { from, to: podC }, gatewayMac),
        into: sent,
        drop: DropReason.DROP_INVALID_SIP,
      })),
    },
    {
      name: "threats: judges a slave's packet too when no rule led it to the gateway, at every hook that it may meet",
      steps: [
        {
          change: (world) => world.endpoint(podA, { flags: ENDPOINT_IPVLAN | ENDPOINT_ENFORCE_EGRESS }),
          send: packet(words, { from: podA, to: podC }, nextHopMac),
          into: sent,
          drop: DropReason.DROP_POLICY,
        },
        {
          send: packet(words, { from: podA, to: podB }, nextHopMac),
          into: { at: "from-host" },
          drop: DropReason.DROP_INVALID_SIP,
        },
        {
          send: packet(words, { from: podA, to: router }, masterMac),
          into: { at: "to-lo" },
          drop: DropReason.DROP_INVALID_SIP,
        },
      ],
    },
    {
      name: "lets out what the node forwards for a slave, and what it sends itself",
      steps: [
        {
          change: slaveA,
          send: packet(words, { from: podA, to: podC }, nextHopMac),
          into: forwarded,
          verdict: Verdict.NEXT,
        },
        { send: packet(words, { from: router, to: podC }, nextHopMac), into: sent, verdict: Verdict.NEXT },
        { send: packet(words, { from: router, to: router }, masterMac), into: { at: "to-lo" }, verdict: Verdict.NEXT },
      ],
    },
  ];
}

function toSlave(words: FamilyWords): readonly Case[] {
  return [
    {
      name: "brings what comes in for pods to the stack, past those who may have taken their addresses",
      steps: [podA, podB].map((to) => ({
        change: slaveA,
        send: packet(words, { from: podC, to }, masterMac),
        into: arrives,
        verdict: Verdict.REDIRECT,
        packet: packet(words, { from: podC, to }, stackMac),
        mark: 0,
      })),
    },
    {
      name: "threats: drops what comes in from outside in the name of this node or its pods",
      steps: [podA, podB, router].map((from) => ({
        change: slaves,
        send: packet(words, { from, to: podA }, masterMac),
        into: arrives,
        drop: DropReason.DROP_INVALID_SIP,
      })),
    },
    {
      name: "lets in what was judged, and what is not for pods",
      steps: [
        {
          change: slaveA,
          send: packet(words, { from: podC, to: podA }, nextHopMac),
          into: { at: "from-netdev", mark: JUDGED },
          verdict: Verdict.NEXT,
          mark: 0,
        },
        { send: packet(words, { from: podC, to: router }, masterMac), into: arrives, verdict: Verdict.NEXT },
      ],
    },
    {
      name: "judges what the node sends to a slave, and gives it to the master",
      steps: [
        {
          change: slaveA,
          send: packet(words, { from: router, to: podA }, nextHopMac),
          into: { at: "from-host" },
          verdict: Verdict.REDIRECT,
          packet: packet(words, { from: router, to: podA }, nextHopMac, { ttl: 63 }),
          mark: JUDGED,
          events: [{ kind: "trace", point: TracePoint.TRACE_TO_ENDPOINT, sourceIdentity: 1 }],
        },
        {
          change: (world) => {
            world.endpoint(podA, { flags: ENDPOINT_IPVLAN | ENDPOINT_ENFORCE_INGRESS, policyRevision: 2 });
            world.policy({
              set: podA.ingressSet,
              direction: PolicyDirection.DIRECTION_INGRESS,
              identity: podB.identity,
            });
          },
          send: packet(words, { from: router, to: podA }, nextHopMac),
          into: { at: "from-host" },
          drop: DropReason.DROP_POLICY,
        },
      ],
    },
    {
      name: "drops what no slave took, instead of sending it round",
      steps: [
        {
          change: slaveA,
          send: packet(words, { from: podC, to: podA }, nextHopMac),
          into: { at: "from-host", ingressIfindex: LOOPBACK },
          drop: DropReason.DROP_NO_LOCAL_ENDPOINT,
        },
      ],
    },
  ];
}

/** Of podA's device. */
function inPod(words: FamilyWords): readonly Case[] {
  const into: Hook = { at: "pod-out" };
  return [
    {
      name: "lets out of the pod what has its address",
      steps: [{ send: packet(words, { from: podA, to: podC }, nextHopMac), into, verdict: Verdict.PASS }],
    },
    {
      name: "threats: lets nothing out of the pod in another's name",
      steps: [podB, router, internet].map((from) => ({
        send: packet(words, { from, to: podC }, nextHopMac),
        into,
        drop: DropReason.DROP_INVALID_SIP,
      })),
    },
  ];
}

const nsFrame = ipFrame(
  { source: masterMac, destination: gatewayMac },
  { source: podA.ipv6, destination: podB.ipv6, ttl: 255 },
  neighbor(135, { target: podB.ipv6 }),
);
const zero: Ends = { from: internet, to: { ipv4: "0.0.0.0", ipv6: "::" } };

export const ipvlanCases: readonly Case[] = [
  ...bothFamilies((words) => [...fromSlave(words), ...toSlave(words), ...inPod(words)]),
  {
    name: "threats: drops neighbour discovery of a slave",
    steps: [{ change: slaveA, send: nsFrame, into: sent, drop: DropReason.DROP_FORBIDDEN_ICMP6 }],
  },
  {
    name: "threats: drops IPv4 to no address at all on lo, where the kernel brings that of slaves",
    steps: bothFamilies((words) =>
      words.family === 6
        ? []
        : [
            {
              name: "",
              steps: [
                { send: packet(words, zero, masterMac), into: { at: "to-lo" }, drop: DropReason.DROP_UNKNOWN_TARGET },
              ],
            },
          ],
    ).flatMap(({ steps }) => steps),
  },
  {
    name: "lets no ARP out of the pod, and leaves to the kernel what goes to many",
    steps: [
      {
        send: frame(
          { source: podA.mac, destination: nextHopMac },
          EtherType.ARP,
          arp({ senderMac: podA.mac, sender: podA.ipv4, target: router.ipv4 }),
        ),
        into: { at: "pod-out" },
        drop: DropReason.DROP_UNSUPPORTED_L2,
      },
      {
        send: ipFrame(
          { source: masterMac, destination: "33:33:00:00:00:02" },
          { source: "::", destination: "ff02::2", ttl: 255 },
          neighbor(133, { target: podB.ipv6 }),
        ),
        into: { at: "pod-out" },
        verdict: Verdict.PASS,
      },
    ],
  },
];
