// SPDX-License-Identifier: Apache-2.0
// Flows: what opens them, what belongs to them, when they end, when policy is asked again.
import assert from "node:assert/strict";
import { CtFlags, CtRoute, DropReason, EndpointConfigFlags, TraceReason } from "../../src/abi/index.ts";
import { bothFamilies, type Case, type FamilyWords, fromA, fromB, received, type Step, sent, Verdict } from "./case.ts";
import { echo, type Payload, TcpFlag, tcp, udp } from "./packet.ts";
import { all, egress, expire, ingress, ipcacheMoved, revoke } from "./rules.ts";
import { flagNames, internet, podA, podB, podC, router, type World } from "./world.ts";

const { SYN, ACK, FIN, RST } = TcpFlag;
const TCP = 6;
const to80 = { protocol: TCP, port: 80 } as const;

function request(flags: number): Payload {
  return tcp({ sport: 40000, dport: 80, flags });
}

function answer(flags: number): Payload {
  return tcp({ sport: 80, dport: 40000, flags });
}

/** A packet from A to B that passes. */
function there(words: FamilyWords, payload: Payload, more: Partial<Step> = {}): Step {
  return { send: sent(words, podA, podB, payload), into: fromA, verdict: Verdict.REDIRECT, ...more };
}

/** A packet from B to A that passes. */
function back(words: FamilyWords, payload: Payload, more: Partial<Step> = {}): Step {
  return { send: sent(words, podB, podA, payload), into: fromB, verdict: Verdict.REDIRECT, ...more };
}

/** A's three steps to an open connection; B enforces what it must to make replies depend on the flow. */
function handshake(words: FamilyWords): Step[] {
  return [
    there(words, request(SYN), { change: all(ingress(podB, to80), ingress(podA)) }),
    back(words, answer(SYN | ACK)),
    there(words, request(ACK)),
  ];
}

/** Remaining seconds of each entry, and its flags, in the order of the maps' keys. */
function lifetimes(world: World): number[] {
  const now = Math.floor(Number(process.hrtime.bigint()) / 1e9);
  return world.flows().map(({ expires }) => expires - now);
}

function livesFor(seconds: number): (world: World) => void {
  return (world) => {
    const left = lifetimes(world);
    assert.ok(left.length > 0, "there is no flow");
    // A machine may be slow to look, but it never looks before.
    for (const each of left)
      assert.ok(each >= seconds / 2 && each <= seconds + 1, `a flow lives for ${each} s, not ${seconds}`);
  };
}

function flowCount(count: number): (world: World) => void {
  return (world) => assert.equal(world.flows().length, count);
}

const drop = (words: FamilyWords, from: "A" | "B", payload: Payload, more: Partial<Step> = {}): Step => ({
  send: from === "A" ? sent(words, podA, podB, payload) : sent(words, podB, podA, payload),
  into: from === "A" ? fromA : fromB,
  drop: DropReason.DROP_POLICY,
  ...more,
});

/** B allows nobody any more; its egress stays open. */
function revokeIngress(world: World): void {
  revoke(podB)(world);
  world.endpoint(podB, { flags: EndpointConfigFlags.ENDPOINT_ENFORCE_INGRESS, policyRevision: 3 });
}

export const conntrackCases: readonly Case[] = [
  ...bothFamilies((words) => [
    {
      name: "gives both pods of a connection an entry, seen from their side",
      steps: [
        there(words, request(SYN), {
          events: [{ kind: "trace", point: 0, reason: TraceReason.TRACE_REASON_NEW, destinationEndpoint: podB.id }],
          check: (world) => {
            const flows = world.flows();
            const ofA = flows.find((flow) => !(flow.flags & CtFlags.CT_F_INGRESS));
            const ofB = flows.find((flow) => flow.flags & CtFlags.CT_F_INGRESS);
            assert.equal(flows.length, 2);
            assert.deepEqual([ofA?.peerIdentity, ofB?.peerIdentity], [podB.identity, podA.identity]);
            assert.deepEqual([ofA?.txPackets, ofA?.rxPackets, ofB?.txPackets, ofB?.rxPackets], [1n, 0n, 0n, 1n]);
            assert.deepEqual([ofA?.route, ofA?.peerEndpoint], [CtRoute.CT_ROUTE_LOCAL, podB.id]);
            assert.deepEqual(new Set(flows.map(({ map }) => map)).size, 1);
          },
        }),
      ],
    },
    {
      name: "lets replies pass without asking the policy of who opened the flow",
      steps: [
        ...handshake(words),
        back(words, answer(ACK), {
          packet: received(words, podB, podA, answer(ACK)),
          events: [{ kind: "trace", point: 0, reason: TraceReason.TRACE_REASON_REPLY, destinationEndpoint: podA.id }],
          silent: ["verdict"],
        }),
        there(words, request(ACK), {
          events: [{ kind: "trace", point: 0, reason: TraceReason.TRACE_REASON_ESTABLISHED }],
          silent: ["verdict"],
        }),
      ],
    },
    {
      name: "keeps an unanswered SYN, and an answer that nobody acknowledged, for 60 s, a connection for 8000 s",
      steps: [
        there(words, request(SYN), { check: livesFor(60) }),
        back(words, answer(SYN | ACK), { check: livesFor(60) }),
        back(words, answer(ACK), { check: livesFor(60) }),
        there(words, request(ACK), { check: livesFor(8000) }),
      ],
    },
    {
      name: "keeps a connection while only one side has closed, for 10 s when both have",
      steps: [
        ...handshake(words),
        there(words, request(FIN | ACK), { check: livesFor(8000) }),
        back(words, answer(ACK), { check: livesFor(8000) }),
        back(words, answer(FIN | ACK), {
          check: (world) => {
            livesFor(10)(world);
            for (const { flags } of world.flows()) {
              assert.ok(flags & CtFlags.CT_F_RX_CLOSING && flags & CtFlags.CT_F_TX_CLOSING, String(flagNames(flags)));
            }
          },
        }),
        there(words, request(ACK), { check: livesFor(10) }),
      ],
    },
    {
      name: "keeps a connection for 10 s behind a reset of either side",
      steps: [...handshake(words), back(words, answer(RST), { check: livesFor(10) })],
    },
    {
      name: "takes a SYN where a connection is closing as a new flow, which policy is asked about",
      steps: [
        ...handshake(words),
        there(words, request(RST)),
        there(words, request(SYN), {
          events: [
            { kind: "verdict", endpoint: podB.id, verdict: 0 },
            { kind: "trace", point: 0, reason: TraceReason.TRACE_REASON_REOPENED },
          ],
          check: livesFor(60),
        }),
        back(words, answer(SYN | ACK)),
        there(words, request(FIN | ACK)),
        drop(words, "A", request(SYN), { change: revoke(podB, 1) }),
      ],
    },
    {
      name: "takes an expired entry for none",
      steps: [
        ...handshake(words),
        there(words, request(ACK), {
          change: expire,
          events: [{ kind: "verdict", endpoint: podB.id }],
          check: livesFor(60),
        }),
        drop(words, "B", answer(ACK), { change: expire }),
      ],
    },
    {
      name: "picks up a connection in the middle when policy allows its direction, and trusts it when it is answered",
      steps: [
        there(words, request(ACK), {
          change: all(ingress(podB, to80), ingress(podA)),
          check: (world) => {
            livesFor(60)(world);
            for (const { flags } of world.flows()) assert.ok(flags & CtFlags.CT_F_SEEN_NON_SYN);
          },
        }),
        back(words, answer(ACK), { check: livesFor(8000) }),
      ],
    },
    {
      name: "leaves no entry for a reset that belongs to no flow",
      steps: [there(words, request(RST), { check: flowCount(0) })],
    },
    {
      name: "threats: drops a SYN that comes back over an open connection's ports when policy does not allow it",
      steps: [
        ...handshake(words),
        drop(words, "B", answer(SYN)),
        // The connection is none the worse for it.
        back(words, answer(ACK)),
        there(words, request(ACK), { check: livesFor(8000) }),
      ],
    },
    {
      name: "threats: drops what comes back over the ports of a flow that egress policy denied",
      steps: [
        drop(words, "A", request(SYN), { change: (world) => world.endpoint(podA, { flags: 3 }) }),
        drop(words, "B", answer(SYN | ACK)),
        drop(words, "B", answer(ACK)),
      ],
    },
    {
      name: "threats: takes no flow for another with one port or address more or less",
      steps: [
        ...handshake(words),
        drop(words, "B", tcp({ sport: 80, dport: 4001 })),
        drop(words, "B", tcp({ sport: 81, dport: 4000 })),
        drop(words, "B", udp({ sport: 80, dport: 40000 })),
      ],
    },
    {
      name: "keeps UDP for 60 s and lets answers pass",
      steps: [
        there(words, udp({ sport: 5000, dport: 53 }), {
          change: all(ingress(podB, { protocol: 17, port: 53 }), ingress(podA)),
          check: livesFor(60),
        }),
        back(words, udp({ sport: 53, dport: 5000 }), { check: livesFor(60) }),
        drop(words, "B", udp({ sport: 53, dport: 5000 }), { change: expire }),
      ],
    },
    {
      name: "lets the reply of an echo request pass",
      steps: [
        there(words, echo(words.family, "request", 7), {
          change: all(ingress(podB, { protocol: words.icmp, port: words.echoRequest }), ingress(podA)),
          check: livesFor(60),
        }),
        back(words, echo(words.family, "reply", 7), {
          packet: received(words, podB, podA, echo(words.family, "reply", 7)),
        }),
        drop(words, "B", echo(words.family, "reply", 8)),
      ],
    },
    ...[7, 0].map((id) => ({
      name: `threats: takes an echo request for no answer to another with the same identifier, ${id}`,
      steps: [
        there(words, echo(words.family, "request", id), {
          change: all(ingress(podB, { protocol: words.icmp, port: words.echoRequest }), ingress(podA)),
        }),
        drop(words, "B", echo(words.family, "request", id)),
        back(words, echo(words.family, "reply", id)),
      ],
    })),
    {
      name: "lets pods ping each other with the same identifier",
      steps: [
        there(words, echo(words.family, "request", 7), {
          change: all(ingress(podB, {}), ingress(podA, { protocol: words.icmp, port: words.echoRequest })),
        }),
        back(words, echo(words.family, "request", 7)),
        back(words, echo(words.family, "reply", 7), {
          events: [{ kind: "trace", point: 0, reason: TraceReason.TRACE_REASON_REPLY }],
        }),
        there(words, echo(words.family, "reply", 7), {
          events: [{ kind: "trace", point: 0, reason: TraceReason.TRACE_REASON_REPLY }],
        }),
      ],
    },
    {
      name: "asks again about a ping by its request's type when the reply comes",
      steps: [
        there(words, echo(words.family, "request", 7), {
          change: ingress(podB, { protocol: words.icmp, port: words.echoRequest }),
        }),
        back(words, echo(words.family, "reply", 7), {
          change: (world) => world.endpoint(podB, { flags: 1, policyRevision: 4 }),
        }),
      ],
    },
    {
      name: "leaves no entry for an echo reply that nobody asked for",
      steps: [there(words, echo(words.family, "reply", 7), { check: flowCount(0) })],
    },
    {
      name: "threats: cuts an established flow when its policy is revoked, whoever goes on sending",
      steps: [
        ...handshake(words),
        drop(words, "A", request(ACK), { change: revoke(podB), events: [{ kind: "verdict", endpoint: podB.id }] }),
        ...handshake(words),
        // B's egress is not enforced: its packets must not pass for a new flow of its own, nor A's for answers to it.
        drop(words, "B", answer(ACK), { change: revokeIngress }),
        drop(words, "B", answer(ACK)),
        drop(words, "A", request(ACK)),
        drop(words, "B", answer(ACK)),
        drop(words, "A", request(ACK)),
      ],
    },
    {
      name: "threats: cuts a UDP flow likewise",
      steps: [
        there(words, udp({ sport: 5000, dport: 53 }), { change: ingress(podB, { protocol: 17, port: 53 }) }),
        back(words, udp({ sport: 53, dport: 5000 })),
        drop(words, "B", udp({ sport: 53, dport: 5000 }), { change: revokeIngress }),
        drop(words, "A", udp({ sport: 5000, dport: 53 })),
        drop(words, "B", udp({ sport: 53, dport: 5000 })),
      ],
    },
    {
      name: "lets a flow that was denied go on when policy allows it again, and a SYN open a new one",
      steps: [
        ...handshake(words),
        drop(words, "A", request(ACK), { change: revoke(podB) }),
        there(words, request(ACK), { change: ingress(podB, to80), check: livesFor(8000) }),
        drop(words, "A", request(ACK), { change: revoke(podB, 3) }),
        there(words, request(SYN), {
          change: ingress(podB, to80),
          events: [{ kind: "trace", point: 0, reason: TraceReason.TRACE_REASON_REOPENED }],
          check: (world) => assert.ok(world.flows().every(({ flags }) => !(flags & CtFlags.CT_F_DENIED))),
        }),
      ],
    },
    {
      name: "keeps an established flow and asks once when policy moved but still allows it",
      steps: [
        ...handshake(words),
        there(words, request(ACK), {
          change: (world) => world.endpoint(podB, { flags: 1, policyRevision: 9 }),
          silent: ["verdict"],
          check: (world) => assert.ok(world.flows().some(({ policyRevision }) => policyRevision === 9)),
        }),
        back(words, answer(ACK)),
      ],
    },
    {
      name: "threats: asks again about an established flow when its peer's identity changed",
      steps: [
        there(words, request(SYN), { change: ingress(podB, { ...to80, identity: podA.identity }) }),
        back(words, answer(SYN | ACK)),
        drop(words, "A", request(ACK), { change: (world) => world.endpoint(podA, { identity: 2000 }) }),
        // Its own side answers no more either, although no revision moved.
        drop(words, "B", answer(ACK)),
      ],
    },
    {
      name: "finds the peer's new place when the ipcache moved",
      steps: [
        { send: sent(words, podA, podC, request(SYN)), into: fromA, verdict: Verdict.REDIRECT, mark: 0x03e80400 },
        {
          change: (world) => {
            world.ipcache(words.ip(podC), { identity: podC.identity });
            ipcacheMoved(world);
          },
          send: sent(words, podA, podC, request(ACK)),
          into: fromA,
          verdict: Verdict.PASS,
          mark: 0,
          check: (world) => assert.equal(world.flows()[0]?.route, CtRoute.CT_ROUTE_STACK),
        },
      ],
    },
    {
      name: "remembers the way to the stack and to another node",
      steps: [
        { to: router, verdict: Verdict.PASS, route: CtRoute.CT_ROUTE_STACK, identity: 1 },
        { to: internet, verdict: Verdict.PASS, route: CtRoute.CT_ROUTE_STACK, identity: words.world },
        { to: podC, verdict: Verdict.REDIRECT, route: CtRoute.CT_ROUTE_TUNNEL, identity: podC.identity },
      ].flatMap(({ to, verdict, route, identity }) =>
        [SYN, ACK].map((flags) => ({
          send: sent(words, podA, to, request(flags)),
          into: fromA,
          verdict,
          check: (world: World) => {
            const found = world.flows().find((flow) => flow.peerIdentity === identity);
            assert.equal(found?.route, route);
          },
        })),
      ),
    },
    {
      name: "threats: asks the egress policy of who opened a flow again when an answer comes after it was revoked",
      steps: [
        there(words, request(SYN), { change: egress(podA, { ...to80, identity: podB.identity }) }),
        back(words, answer(SYN | ACK)),
        drop(words, "B", answer(ACK), {
          change: revoke(podA),
          events: [{ kind: "drop", endpoint: podA.id, direction: 1 }],
        }),
      ],
    },
  ]),
];
