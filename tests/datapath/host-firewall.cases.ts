// SPDX-License-Identifier: Apache-2.0
// The host's own packets: at physical devices, from and to pods, from other nodes.
import { CtFlags, DropReason, EndpointConfigFlags, HOST_ENDPOINT, PolicyDirection } from "../../src/abi/index.ts";
import { bothFamilies, type Case, type FamilyWords, fromA, type Hook, sent, Verdict } from "./case.ts";
import { hostEndpoint, hostSets } from "./host-endpoint.ts";
import { echo, ipFrame, type Payload, raw, TcpFlag, tcp, udp } from "./packet.ts";
import {
  type Addresses,
  internet,
  nobody,
  otherNode,
  type PolicyRow,
  podA,
  podC,
  router,
  type World,
} from "./world.ts";

const { ENDPOINT_AUDIT, ENDPOINT_ENFORCE_EGRESS, ENDPOINT_ENFORCE_INGRESS } = EndpointConfigFlags;
const { SYN, ACK } = TcpFlag;
const TCP = 6;
const TUNNEL = 8472;
const ethernet = { source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" };
const incoming: Hook = { at: "from-netdev" };
const outgoing: Hook = { at: "to-netdev" };

type Rule = Partial<Omit<PolicyRow, "set" | "direction">>;

/** The host takes what these rules allow, and sends what it likes. */
function takes(...rules: readonly Rule[]) {
  return host(ENDPOINT_ENFORCE_INGRESS, hostSets.ingress, PolicyDirection.DIRECTION_INGRESS, rules);
}

/** The host sends what these rules allow, and takes what comes. */
function sends(...rules: readonly Rule[]) {
  return host(ENDPOINT_ENFORCE_EGRESS, hostSets.egress, PolicyDirection.DIRECTION_EGRESS, rules);
}

function host(flags: number, set: number, direction: number, rules: readonly Rule[]) {
  return (world: World) => {
    hostEndpoint(world, flags);
    for (const rule of rules) world.policy({ set, direction, identity: 0, ...rule });
  };
}

function frame(words: FamilyWords, from: Addresses, to: Addresses, payload: Payload): Uint8Array {
  return ipFrame(ethernet, { source: words.ip(from), destination: words.ip(to) }, payload);
}

/** Neighbour solicitation, type 135. */
const solicitation = Uint8Array.from({ length: 24 }, (_, index) => (index === 0 ? 135 : 0));
const ssh = tcp({ sport: 40_000, dport: 22, flags: SYN });

export const hostFirewallCases: readonly Case[] = bothFamilies((words) => [
  {
    name: "takes what a rule allows from outside, and drops the rest with the host's endpoint as the place",
    steps: [
      {
        change: takes({ identity: words.world, protocol: TCP, port: 22, cookie: 20 }),
        send: frame(words, internet, router, ssh),
        into: incoming,
        verdict: Verdict.NEXT,
        events: [{ kind: "verdict", endpoint: HOST_ENDPOINT, remoteIdentity: words.world, verdict: 0, cookie: 20 }],
      },
      {
        send: frame(words, internet, router, tcp({ sport: 40_001, dport: 23, flags: SYN })),
        into: incoming,
        drop: DropReason.DROP_POLICY,
        events: [{ kind: "drop", endpoint: HOST_ENDPOINT, sourceIdentity: words.world, destinationIdentity: 1 }],
      },
    ],
  },
  {
    name: "drops what the host may not send, and lets the answer to what it may send in again",
    steps: [
      {
        change: (world) => {
          takes()(world);
          hostEndpoint(world, ENDPOINT_ENFORCE_INGRESS | ENDPOINT_ENFORCE_EGRESS);
          const set = hostSets.egress;
          world.policy({
            set,
            direction: PolicyDirection.DIRECTION_EGRESS,
            identity: words.world,
            protocol: TCP,
            port: 443,
          });
        },
        send: frame(words, router, internet, tcp({ sport: 40_000, dport: 443, flags: SYN })),
        into: outgoing,
        verdict: Verdict.NEXT,
      },
      {
        send: frame(words, internet, router, tcp({ sport: 443, dport: 40_000, flags: SYN | ACK })),
        into: incoming,
        verdict: Verdict.NEXT,
      },
      {
        send: frame(words, router, internet, tcp({ sport: 40_000, dport: 80, flags: SYN })),
        into: outgoing,
        drop: DropReason.DROP_POLICY,
        events: [{ kind: "drop", sourceIdentity: 1, destinationIdentity: words.world, direction: 2 }],
      },
      {
        send: frame(words, internet, router, tcp({ sport: 443, dport: 40_001, flags: SYN })),
        into: incoming,
        drop: DropReason.DROP_POLICY,
      },
    ],
  },
  {
    name: "leaves alone what the node forwards, and what is for a pod",
    steps: [
      {
        change: (world) => {
          takes()(world);
          hostEndpoint(world, ENDPOINT_ENFORCE_INGRESS | ENDPOINT_ENFORCE_EGRESS);
        },
        send: frame(words, podA, internet, ssh),
        into: { at: "to-netdev", ingressIfindex: podA.ifindex },
        verdict: Verdict.NEXT,
        silent: ["verdict", "drop"],
      },
      { send: frame(words, internet, podA, ssh), into: incoming, verdict: Verdict.NEXT, silent: ["verdict", "drop"] },
    ],
  },
  {
    name: "keeps connections that were there before the policy, whoever speaks first after it was seen",
    steps: [
      {
        // To a port of the host's own choosing: it is the host's connection.
        change: (world) => hostEndpoint(world, 0),
        send: frame(words, internet, router, tcp({ sport: 2379, dport: 40_000, flags: ACK })),
        into: incoming,
        verdict: Verdict.NEXT,
        check: (world) => {
          if (world.flows().some(({ flags }) => (flags & CtFlags.CT_F_INGRESS) !== 0))
            throw new Error("taken for ingress");
        },
      },
      {
        change: (world) => {
          takes()(world);
          hostEndpoint(world, ENDPOINT_ENFORCE_INGRESS, { policyRevision: 2 });
        },
        send: frame(words, internet, router, tcp({ sport: 2379, dport: 40_000, flags: ACK })),
        into: incoming,
        verdict: Verdict.NEXT,
      },
      {
        send: frame(words, router, internet, tcp({ sport: 40_000, dport: 2379, flags: ACK })),
        into: outgoing,
        verdict: Verdict.NEXT,
      },
    ],
  },
  {
    name: "lets the tunnel of known nodes pass before policy, and nobody else's",
    steps: [
      {
        change: (world) => {
          takes()(world);
          hostEndpoint(world, ENDPOINT_ENFORCE_INGRESS | ENDPOINT_ENFORCE_EGRESS);
        },
        send: frame(words, otherNode, router, udp({ sport: 50_000, dport: TUNNEL })),
        into: incoming,
        verdict: Verdict.NEXT,
        silent: ["verdict"],
      },
      {
        send: frame(words, router, otherNode, udp({ sport: 50_000, dport: TUNNEL })),
        into: outgoing,
        verdict: Verdict.NEXT,
        silent: ["verdict"],
      },
      {
        send: frame(words, internet, router, udp({ sport: 50_000, dport: TUNNEL })),
        into: incoming,
        drop: DropReason.DROP_POLICY,
      },
      {
        send: frame(words, otherNode, router, udp({ sport: 50_000, dport: TUNNEL + 1 })),
        into: incoming,
        drop: DropReason.DROP_POLICY,
      },
    ],
  },
  {
    name: "judges what a pod of this node sends to the host by the pod's identity, and its answer",
    steps: [
      {
        change: takes({ identity: podA.identity, protocol: TCP, port: 53 }),
        send: sent(words, podA, router, tcp({ sport: 40_000, dport: 53, flags: SYN })),
        into: fromA,
        verdict: Verdict.PASS,
        events: [{ kind: "verdict", endpoint: HOST_ENDPOINT, remoteIdentity: podA.identity, verdict: 0 }],
      },
      {
        change: (world) => hostEndpoint(world, ENDPOINT_ENFORCE_INGRESS | ENDPOINT_ENFORCE_EGRESS),
        send: frame(words, router, podA, tcp({ sport: 53, dport: 40_000, flags: SYN | ACK })),
        into: { at: "from-host" },
        verdict: Verdict.REDIRECT,
      },
      {
        send: sent(words, podA, router, tcp({ sport: 40_000, dport: 54, flags: SYN })),
        into: fromA,
        drop: DropReason.DROP_POLICY,
        events: [{ kind: "drop", endpoint: HOST_ENDPOINT, sourceIdentity: podA.identity }],
      },
      {
        send: frame(words, router, podA, tcp({ sport: 40_000, dport: 80, flags: SYN })),
        into: { at: "from-host" },
        drop: DropReason.DROP_POLICY,
      },
    ],
  },
  {
    name: "judges what comes through the tunnel for the host by the identity in it",
    steps: [
      {
        change: takes({ identity: podC.identity, protocol: TCP, port: 53 }),
        send: frame(words, podC, router, tcp({ sport: 40_000, dport: 53, flags: SYN })),
        into: { at: "from-overlay", vni: podC.identity, outerSource: otherNode.ipv4 },
        verdict: Verdict.PASS,
      },
      {
        send: frame(words, podC, router, tcp({ sport: 40_000, dport: 54, flags: SYN })),
        into: { at: "from-overlay", vni: podC.identity, outerSource: otherNode.ipv4 },
        drop: DropReason.DROP_POLICY,
        events: [{ kind: "drop", endpoint: HOST_ENDPOINT, sourceIdentity: podC.identity }],
      },
    ],
  },
  {
    name: "lets everything pass in audit mode, and says what it would drop",
    steps: [
      {
        change: (world) => {
          takes()(world);
          hostEndpoint(world, ENDPOINT_ENFORCE_INGRESS | ENDPOINT_AUDIT);
        },
        send: frame(words, internet, router, ssh),
        into: incoming,
        verdict: Verdict.NEXT,
        events: [{ kind: "verdict", verdict: 0, flags: 1 | 0x40 | (words.family === 6 ? 4 : 0) }],
      },
    ],
  },
  {
    name: "asks packet by packet about protocols that conntrack does not follow",
    steps: [
      {
        change: takes({ identity: words.world, protocol: 112 }),
        send: frame(words, internet, router, raw(112, new Uint8Array(20))),
        into: incoming,
        verdict: Verdict.NEXT,
      },
      {
        send: frame(words, internet, router, raw(47, new Uint8Array(20))),
        into: incoming,
        drop: DropReason.DROP_POLICY,
      },
      {
        change: sends(),
        send: frame(words, router, internet, raw(112, new Uint8Array(20))),
        into: outgoing,
        drop: DropReason.DROP_POLICY,
      },
    ],
  },
  {
    name: "threats: ICMP echo needs a rule of its own",
    steps: [
      {
        change: takes({ identity: words.world, protocol: TCP }),
        send: frame(words, internet, router, echo(words.family, "request", 5)),
        into: incoming,
        drop: DropReason.DROP_POLICY,
      },
      {
        change: takes({ identity: words.world, protocol: words.icmp, port: words.echoRequest }),
        send: frame(words, internet, router, echo(words.family, "request", 6)),
        into: incoming,
        verdict: Verdict.NEXT,
      },
    ],
  },
  {
    name: "threats: takes nothing from outside in the host's own name",
    steps: [
      {
        change: takes({ identity: 1 }),
        send: frame(words, router, router, udp({ sport: 1, dport: 53 })),
        into: incoming,
        drop: DropReason.DROP_INVALID_SIP,
      },
    ],
  },
  {
    name: "passes all when nobody has written a policy for the host yet, and nothing while the slot is not ready",
    steps: [
      { send: frame(words, internet, router, ssh), into: incoming, verdict: Verdict.NEXT, silent: ["verdict"] },
      {
        change: (world) => hostEndpoint(world, 0, { ready: false }),
        send: frame(words, internet, router, ssh),
        into: incoming,
        drop: DropReason.DROP_HOST_NOT_READY,
      },
    ],
  },
  {
    name: "threats: judges what is sent to everybody on the link",
    steps: [
      {
        change: takes(),
        send: ipFrame(
          ethernet,
          { source: words.ip(internet), destination: words.family === 4 ? "255.255.255.255" : "ff02::fb" },
          udp({ sport: 5353, dport: 5353 }),
        ),
        into: incoming,
        drop: DropReason.DROP_POLICY,
      },
    ],
  },
  {
    name: "leaves neighbour discovery and group membership alone",
    steps: [
      {
        change: (world) => hostEndpoint(world, ENDPOINT_ENFORCE_INGRESS | ENDPOINT_ENFORCE_EGRESS),
        send: frame(words, nobody, router, words.family === 4 ? raw(2, new Uint8Array(8)) : raw(58, solicitation)),
        into: incoming,
        verdict: Verdict.NEXT,
        silent: ["verdict"],
      },
    ],
  },
]);
