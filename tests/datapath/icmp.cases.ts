// SPDX-License-Identifier: Apache-2.0
// ICMP errors: those about a flow belong to it, others are a question for policy; other types are dropped.
import assert from "node:assert/strict";
import { DropReason, MetricDirection, Noteworthy, TraceReason } from "../../src/abi/index.ts";
import {
  arriving,
  bothFamilies,
  type Case,
  type FamilyWords,
  fromA,
  fromB,
  received,
  type Step,
  sent,
  toA,
  Verdict,
} from "./case.ts";
import { echo, icmp, icmpError, ipv4, ipv6, type Payload, raw, tcp, udp } from "./packet.ts";
import { all, expire, ingress, revoke } from "./rules.ts";
import { type Addresses, internet, podA, podB, podC, router } from "./world.ts";

const dns = { protocol: 17, port: 53 } as const;
const query = udp({ sport: 5000, dport: 53 });

function quote(words: FamilyWords, from: Addresses, to: Addresses, payload: Payload): Uint8Array {
  const ip = { source: words.ip(from), destination: words.ip(to), ttl: 63 };
  return words.family === 4 ? ipv4(ip, payload) : ipv6(ip, payload);
}

/** "Unreachable", quoting what `from` sent to `to`. */
function unreachable(words: FamilyWords, from: Addresses, to: Addresses, payload: Payload): Payload {
  return icmpError(words.family, words.unreachable, 3, quote(words, from, to, payload));
}

/** A's query to B, both enforcing. */
function open(words: FamilyWords, payload: Payload = query): Step {
  const change = all(
    ingress(podB, dns, { protocol: words.icmp, port: words.echoRequest }, { protocol: 6 }),
    ingress(podA),
  );
  return { change, send: sent(words, podA, podB, payload), into: fromA, verdict: Verdict.REDIRECT };
}

export const icmpCases: readonly Case[] = [
  ...bothFamilies((words) => [
    ...[
      ["UDP", query],
      ["TCP", tcp({ sport: 4000, dport: 80, flags: 2 })],
      ["an echo request", echo(words.family, "request", 3)],
    ].map(([name, payload]) => ({
      name: `lets an error about a flow of ${String(name)} pass back to who opened it`,
      steps: [
        open(words, payload as Payload),
        {
          send: sent(words, podB, podA, unreachable(words, podA, podB, payload as Payload)),
          into: fromB,
          verdict: Verdict.REDIRECT,
          packet: received(words, podB, podA, unreachable(words, podA, podB, payload as Payload)),
          events: [{ kind: "trace" as const, point: 0, reason: TraceReason.TRACE_REASON_RELATED }],
          silent: ["verdict" as const],
        },
      ],
    })),
    {
      name: "lets every kind of error pass that says something about a flow, and books none",
      steps: [
        open(words),
        ...(words.family === 4 ? [3, 11, 12] : [1, 2, 3, 4]).map((type) => ({
          send: sent(words, podB, podA, icmpError(words.family, type, 0, quote(words, podA, podB, query))),
          into: fromB,
          verdict: Verdict.REDIRECT,
          check: (world: Parameters<NonNullable<Step["check"]>>[0]) => assert.equal(world.flows().length, 2),
        })),
      ],
    },
    {
      name: "counts errors that say too big, and no others",
      steps: [
        open(words),
        ...[words.family === 4 ? [3, 4] : [2, 0], [words.unreachable, 1]].map(([type = 0, code = 0]) => ({
          send: arriving(words, internet, podA, icmpError(words.family, type, code, quote(words, podA, podB, query))),
          into: toA,
          verdict: Verdict.PASS,
          check: (world: Parameters<NonNullable<Step["check"]>>[0]) => {
            const counted = world.metrics().filter(({ reason }) => reason === Noteworthy.REASON_MTU_ERROR);
            assert.deepEqual(
              counted.map(({ packets, direction }) => [packets, direction]),
              [[1, MetricDirection.METRIC_INGRESS]],
            );
          },
        })),
      ],
    },
    {
      name: "lets an error from a router outside the cluster pass, and one from the host",
      steps: [
        open(words),
        ...[internet, router].map((from) => ({
          send: arriving(words, from, podA, unreachable(words, podA, podB, query)),
          into: toA,
          verdict: Verdict.PASS,
          events: [{ kind: "trace" as const, point: 0, reason: TraceReason.TRACE_REASON_RELATED }],
        })),
      ],
    },
    {
      name: "threats: drops an error about a flow from a pod that has no part in it",
      steps: [
        open(words),
        {
          send: arriving(words, podC, podA, unreachable(words, podA, podB, query)),
          into: toA,
          drop: DropReason.DROP_POLICY,
        },
      ],
    },
    {
      name: "threats: drops an error that quotes what the pod never sent",
      steps: [
        open(words),
        ...[
          unreachable(words, podA, podB, udp({ sport: 5001, dport: 53 })),
          unreachable(words, podA, podB, tcp({ sport: 5000, dport: 53 })),
          unreachable(words, podA, podC, query),
          // What B sent is not what A sent.
          unreachable(words, podB, podA, udp({ sport: 53, dport: 5000 })),
          unreachable(words, podC, podB, query),
          icmpError(words.family, words.unreachable, 3, new Uint8Array(4)),
          icmpError(words.family, words.unreachable, 3, quote(words, podA, podB, query).subarray(0, -4)),
        ].map((error) => ({ send: sent(words, podB, podA, error), into: fromB, drop: DropReason.DROP_POLICY })),
      ],
    },
    {
      name: "threats: drops an error with a forged quote where the pod that sends it may not open flows",
      steps: [
        open(words),
        {
          change: (world) => world.endpoint(podB, { flags: 2 }),
          send: sent(words, podB, podC, unreachable(words, podC, podB, query)),
          into: fromB,
          drop: DropReason.DROP_POLICY,
          events: [{ kind: "drop", endpoint: podB.id }],
        },
      ],
    },
    {
      name: "threats: takes a quote of another endpoint's flow for none, whoever sends it",
      steps: [
        open(words),
        {
          // B has this flow; to A it is nothing that A sent.
          send: arriving(words, internet, podA, unreachable(words, podB, podA, udp({ sport: 53, dport: 5000 }))),
          into: toA,
          drop: DropReason.DROP_POLICY,
        },
        {
          // What A sent to B is nothing to tell C.
          change: (world) => world.endpoint(podB, { flags: 2 }),
          send: sent(words, podB, podC, unreachable(words, podA, podB, query)),
          into: fromB,
          drop: DropReason.DROP_POLICY,
        },
        {
          // A has this flow; B did not get what is quoted.
          send: sent(words, podB, podB, unreachable(words, podB, podA, udp({ sport: 53, dport: 5000 }))),
          into: fromB,
          drop: DropReason.DROP_POLICY,
          events: [{ kind: "drop", endpoint: podB.id, direction: 2 }],
        },
      ],
    },
    {
      name: "threats: does not read a quote behind the end of the IP packet",
      steps: [
        open(words),
        {
          send: sent(words, podB, podA, unreachable(words, podA, podB, query), {
            totalLength: (words.family === 4 ? 20 + 8 + 20 : 8 + 40) + 4,
          }),
          into: fromB,
          drop: DropReason.DROP_POLICY,
        },
      ],
    },
    {
      name: "drops an error about a flow that is over or was revoked",
      steps: [
        open(words),
        {
          change: expire,
          send: sent(words, podB, podA, unreachable(words, podA, podB, query)),
          into: fromB,
          drop: DropReason.DROP_POLICY,
        },
        open(words),
        {
          change: revoke(podA),
          send: sent(words, podB, podA, unreachable(words, podA, podB, query)),
          into: fromB,
          drop: DropReason.DROP_POLICY,
        },
      ],
    },
    {
      name: "asks policy about an error that belongs to no flow, by its type",
      steps: [
        {
          change: ingress(podB, { protocol: words.icmp, port: words.unreachable }),
          send: sent(words, podA, podB, unreachable(words, podB, podA, query)),
          into: fromA,
          verdict: Verdict.REDIRECT,
          events: [{ kind: "verdict", protocol: words.icmp, destinationPort: words.unreachable, verdict: 0 }],
          check: (world) => assert.equal(world.flows().length, 0),
        },
      ],
    },
    {
      name: "answers nobody's ping of the gateway itself, but lets it through to the stack",
      steps: [
        { send: sent(words, podA, router, echo(words.family, "request", 1)), into: fromA, verdict: Verdict.PASS },
        { send: arriving(words, router, podA, echo(words.family, "reply", 1)), into: toA, verdict: Verdict.PASS },
      ],
    },
    {
      name: "threats: drops other ICMP types",
      steps: (words.family === 4 ? [5, 9, 10, 13, 17, 40] : [127, 138, 139, 151, 200]).map((type) => ({
        send: sent(words, podA, podB, icmp(words.family, type, 0, new Uint8Array(28))),
        into: fromA,
        drop: words.family === 4 ? DropReason.DROP_UNKNOWN_ICMP4_TYPE : DropReason.DROP_UNKNOWN_ICMP6_TYPE,
      })),
    },
    {
      name: "drops a truncated ICMP message",
      steps: [
        {
          send: sent(words, podA, podB, raw(words.icmp, Uint8Array.of(words.echoRequest, 0, 0, 0))),
          into: fromA,
          drop: DropReason.DROP_CT_INVALID_HEADER,
        },
      ],
    },
  ]),
];
