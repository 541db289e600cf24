// SPDX-License-Identifier: Apache-2.0
// Which entry of a policy set decides, and what is said about it.
import assert from "node:assert/strict";
import { DropReason, EndpointConfigFlags, POLICY_HITS_SLOTS, PolicyMatch, PolicyStaged } from "../../src/abi/index.ts";
import {
  arriving,
  bothFamilies,
  type Case,
  type EventMatch,
  type FamilyWords,
  fromA,
  sent,
  toB,
  Verdict,
} from "./case.ts";
import { forgetHits, hitsOf } from "./hits.ts";
import { echo, sctp, tcp, udp } from "./packet.ts";
import { all, egress, ingress } from "./rules.ts";
import { cidrHost, internet, type PolicyRow, podA, podB, podC, router, type World } from "./world.ts";

const TCP = 6;
const UDP = 17;
const syn = tcp({ sport: 4000, dport: 80, flags: 2 });

/** The verdict event of B's ingress policy about A. */
function ingressVerdict(
  words: FamilyWords,
  match: number,
  verdict: number,
  cookie: number,
  audited = false,
): EventMatch {
  const flags = 1 | (words.family === 6 ? 4 : 0) | (match << 3) | (audited ? 0x40 : 0);
  return {
    kind: "verdict",
    endpoint: podB.id,
    remoteIdentity: podA.identity,
    verdict,
    flags,
    cookie,
    policySet: podB.ingressSet,
  };
}

type Rule = Partial<Omit<PolicyRow, "set" | "direction">>;

/** One rule that lets A's SYN to B's port 80 pass, and the match type that it gives. */
const allowing: readonly (readonly [string, Rule, number])[] = [
  ["an identity", { identity: podA.identity }, PolicyMatch.POLICY_MATCH_L3_ONLY],
  ["an identity and protocol", { identity: podA.identity, protocol: TCP }, PolicyMatch.POLICY_MATCH_L3_PROTO],
  ["an identity and port", { identity: podA.identity, protocol: TCP, port: 80 }, PolicyMatch.POLICY_MATCH_L3_L4],
  [
    "an identity and port range",
    { identity: podA.identity, protocol: TCP, port: 64, portBits: 10 },
    PolicyMatch.POLICY_MATCH_L3_L4,
  ],
  ["a port", { protocol: TCP, port: 80 }, PolicyMatch.POLICY_MATCH_L4_ONLY],
  ["a port range", { protocol: TCP, port: 80, portBits: 12 }, PolicyMatch.POLICY_MATCH_L4_ONLY],
  ["a protocol", { protocol: TCP }, PolicyMatch.POLICY_MATCH_PROTO_ONLY],
  ["everything", {}, PolicyMatch.POLICY_MATCH_ALL],
];

const denied: readonly (readonly [string, Rule])[] = [
  ["another identity", { identity: podC.identity }],
  ["another port", { protocol: TCP, port: 81 }],
  ["another protocol", { protocol: UDP, port: 80 }],
  ["a port range beside", { protocol: TCP, port: 128, portBits: 9 }],
  ["another set", { cookie: 3, set: 99 } as Rule],
];

type Counts = Readonly<Record<string, number>>;

/** Looks at two rules' counters. */
function countsOf(cookie: number, counts: Counts, other: number, otherCounts: Counts) {
  const none = { allowed: 0, denied: 0, audited: 0, stagedAllowed: 0, stagedDenied: 0 };
  return (world: World) => {
    assert.deepEqual(hitsOf(world, cookie), { cookie, ...none, ...counts });
    assert.deepEqual(hitsOf(world, other), { cookie: other, ...none, ...otherCounts });
  };
}

export const policyCases: readonly Case[] = [
  ...bothFamilies((words) => [
    ...allowing.map(([name, rule, match]) => ({
      name: `allows a new flow by a rule for ${name}`,
      steps: [
        {
          change: ingress(podB, { ...rule, cookie: 42 }),
          send: sent(words, podA, podB, syn),
          into: fromA,
          verdict: Verdict.REDIRECT,
          events: [ingressVerdict(words, match, 0, 42)],
        },
      ],
    })),
    ...denied.map(([name, rule]) => ({
      name: `drops a new flow when there is only a rule for ${name}`,
      steps: [
        {
          change: ingress(podB, rule),
          send: sent(words, podA, podB, syn),
          into: fromA,
          drop: DropReason.DROP_POLICY,
          events: [
            ingressVerdict(words, PolicyMatch.POLICY_MATCH_NONE, -DropReason.DROP_POLICY, 0),
            {
              kind: "drop" as const,
              endpoint: podB.id,
              sourceIdentity: podA.identity,
              destinationIdentity: podB.identity,
              destinationEndpoint: podB.id,
              direction: 1,
              cookie: 0,
              policySet: podB.ingressSet,
              flags: words.family === 6 ? 1 : 0,
            },
          ],
        },
      ],
    })),
    {
      name: "drops by a deny rule with its own reason and the rule's cookie",
      steps: [
        {
          change: ingress(
            podB,
            { cookie: 1 },
            { identity: podA.identity, protocol: TCP, port: 80, deny: true, cookie: 7 },
          ),
          send: sent(words, podA, podB, syn),
          into: fromA,
          drop: DropReason.DROP_POLICY_DENY,
          events: [
            ingressVerdict(words, PolicyMatch.POLICY_MATCH_L3_L4, -DropReason.DROP_POLICY_DENY, 7),
            { kind: "drop", cookie: 7, policySet: podB.ingressSet },
          ],
        },
      ],
    },
    {
      name: "asks exact identity, identity prefix, exact anybody, anybody prefix, in this order",
      steps: [
        { rules: [{ cookie: 4 }], cookie: 4, sport: 4001 },
        { rules: [{ protocol: TCP, port: 80, cookie: 3 }], cookie: 3, sport: 4002 },
        { rules: [{ identity: podA.identity, cookie: 2 }], cookie: 2, sport: 4003 },
        { rules: [{ identity: podA.identity, protocol: TCP, port: 80, cookie: 1 }], cookie: 1, sport: 4004 },
      ].map(({ rules, cookie, sport }) => ({
        change: ingress(podB, ...rules),
        send: sent(words, podA, podB, tcp({ sport, dport: 80, flags: 2 })),
        into: fromA,
        verdict: Verdict.REDIRECT,
        events: [{ kind: "verdict" as const, cookie }],
      })),
    },
    {
      name: "threats: drops what neither side's policy forgets: egress is asked before ingress, on one node too",
      steps: [
        {
          change: all(ingress(podB, {}), egress(podA, { protocol: TCP, port: 443 })),
          send: sent(words, podA, podB, syn),
          into: fromA,
          drop: DropReason.DROP_POLICY,
          events: [
            {
              kind: "drop",
              endpoint: podA.id,
              direction: 2,
              policySet: podA.egressSet,
              destinationIdentity: podB.identity,
            },
          ],
        },
      ],
    },
    ...[
      { to: podB, name: "a pod of this node", identity: podB.identity, verdict: Verdict.REDIRECT },
      { to: podC, name: "a pod of another node", identity: podC.identity, verdict: Verdict.REDIRECT },
      { to: router, name: "the host", identity: 1, verdict: Verdict.PASS },
      { to: cidrHost, name: "an address in a known CIDR", identity: cidrHost.identity, verdict: Verdict.PASS },
      { to: internet, name: "the world", identity: words.world, verdict: Verdict.PASS },
    ].map(({ to, name, identity, verdict }) => ({
      name: `asks egress policy about the identity of ${name}`,
      steps: [
        {
          change: egress(podA, { identity: identity + 1 }),
          send: sent(words, podA, to, syn),
          into: fromA,
          drop: DropReason.DROP_POLICY,
          events: [{ kind: "verdict" as const, remoteIdentity: identity, destinationPort: 80, protocol: TCP }],
        },
        {
          change: egress(podA, { identity, protocol: TCP, port: 80 }),
          send: sent(words, podA, to, syn),
          into: fromA,
          verdict,
          events: [{ kind: "verdict" as const, remoteIdentity: identity, verdict: 0 }],
        },
      ],
    })),
    {
      name: "asks no set and says nothing when the direction is not enforced",
      steps: [
        { send: sent(words, podA, podB, syn), into: fromA, verdict: Verdict.REDIRECT, silent: ["verdict", "drop"] },
      ],
    },
    {
      name: "lets a denied flow pass in audit mode, and says so",
      steps: [
        {
          change: (world) => {
            const { ENDPOINT_AUDIT, ENDPOINT_ENFORCE_INGRESS } = EndpointConfigFlags;
            world.endpoint(podB, { flags: ENDPOINT_AUDIT | ENDPOINT_ENFORCE_INGRESS });
          },
          send: sent(words, podA, podB, syn),
          into: fromA,
          verdict: Verdict.REDIRECT,
          events: [ingressVerdict(words, PolicyMatch.POLICY_MATCH_NONE, 0, 0, true)],
        },
      ],
    },
    {
      name: "lets a flow pass by an entry that only audits",
      steps: [
        {
          change: ingress(podB, { audit: true, cookie: 8 }),
          send: sent(words, podA, podB, syn),
          into: fromA,
          verdict: Verdict.REDIRECT,
          events: [ingressVerdict(words, PolicyMatch.POLICY_MATCH_ALL, 0, 8, true)],
        },
      ],
    },
    {
      name: "reports what staged policies would do beside what is done",
      steps: [
        { staged: PolicyStaged.STAGED_DENY, stagedCookie: 9, sport: 4001 },
        { staged: PolicyStaged.STAGED_DEFAULT_DENY, stagedCookie: 0, sport: 4002 },
        { staged: PolicyStaged.STAGED_ALLOW, stagedCookie: 10, sport: 4003 },
      ].map(({ sport, ...staged }) => ({
        change: ingress(podB, { cookie: 8, ...staged }),
        send: sent(words, podA, podB, tcp({ sport, dport: 80, flags: 2 })),
        into: fromA,
        verdict: Verdict.REDIRECT,
        events: [{ ...ingressVerdict(words, PolicyMatch.POLICY_MATCH_ALL, 0, 8), ...staged }],
      })),
    },
    {
      name: "takes an entry that stands for no rule as the default, and still tells what staged policies would do",
      steps: [
        {
          change: ingress(podB, { deny: true, isDefault: true, staged: PolicyStaged.STAGED_ALLOW, stagedCookie: 11 }),
          send: sent(words, podA, podB, syn),
          into: fromA,
          drop: DropReason.DROP_POLICY,
          events: [
            {
              ...ingressVerdict(words, PolicyMatch.POLICY_MATCH_NONE, -DropReason.DROP_POLICY, 0),
              staged: PolicyStaged.STAGED_ALLOW,
              stagedCookie: 11,
            },
          ],
        },
        {
          change: ingress(podB, { audit: true, isDefault: true }),
          send: sent(words, podA, podB, tcp({ sport: 4001, dport: 80, flags: 2 })),
          into: fromA,
          verdict: Verdict.REDIRECT,
          events: [ingressVerdict(words, PolicyMatch.POLICY_MATCH_NONE, 0, 0, true)],
        },
        {
          change: ingress(podB, { isDefault: true, staged: PolicyStaged.STAGED_DEFAULT_DENY }),
          send: sent(words, podA, podB, tcp({ sport: 4002, dport: 80, flags: 2 })),
          into: fromA,
          verdict: Verdict.REDIRECT,
          events: [
            {
              ...ingressVerdict(words, PolicyMatch.POLICY_MATCH_NONE, 0, 0),
              staged: PolicyStaged.STAGED_DEFAULT_DENY,
            },
          ],
        },
      ],
    },
    {
      name: "counts decisions by rule: those of new flows and of denied packets, not of established ones",
      steps: [
        {
          change: ingress(podB, { cookie: 700, staged: PolicyStaged.STAGED_DENY, stagedCookie: 701 }),
          send: sent(words, podA, podB, syn),
          into: fromA,
          verdict: Verdict.REDIRECT,
          check: countsOf(700, { allowed: 1 }, 701, { stagedDenied: 1 }),
        },
        {
          send: sent(words, podA, podB, tcp({ sport: 4000, dport: 80, flags: 16 })),
          into: fromA,
          verdict: Verdict.REDIRECT,
          check: countsOf(700, { allowed: 1 }, 701, { stagedDenied: 1 }),
        },
        {
          change: ingress(podB, { cookie: 702, deny: true }),
          send: sent(words, podA, podB, tcp({ sport: 4001, dport: 80, flags: 2 })),
          into: fromA,
          drop: DropReason.DROP_POLICY_DENY,
          check: countsOf(702, { denied: 1 }, 700, { allowed: 1 }),
        },
        {
          change: ingress(podB, { cookie: 702, audit: true }),
          send: sent(words, podA, podB, tcp({ sport: 4002, dport: 80, flags: 2 })),
          into: fromA,
          verdict: Verdict.REDIRECT,
          check: countsOf(702, { denied: 1, audited: 1 }, 700, { allowed: 1 }),
        },
        {
          // Of one slot with cookie 700, and newer.
          change: ingress(podB, { cookie: 700 + POLICY_HITS_SLOTS }),
          send: sent(words, podA, podB, tcp({ sport: 4003, dport: 80, flags: 2 })),
          into: fromA,
          verdict: Verdict.REDIRECT,
          check: (world: World) => {
            countsOf(700 + POLICY_HITS_SLOTS, { allowed: 1 }, 702, { denied: 1, audited: 1 })(world);
            for (const cookie of [700, 701, 702]) forgetHits(world, cookie);
          },
        },
      ],
    },
    {
      name: "threats: drops where a proxy or authentication would have to follow",
      steps: [
        {
          change: ingress(podB, { proxyPort: 10000 }),
          send: sent(words, podA, podB, syn),
          into: fromA,
          drop: DropReason.DROP_PROXY_UNSUPPORTED,
        },
        {
          change: ingress(podB, { authType: 1 }),
          send: sent(words, podA, podB, syn),
          into: fromA,
          drop: DropReason.DROP_AUTH_REQUIRED,
        },
      ],
    },
    {
      name: "judges UDP, SCTP and echo requests by their own protocol and number",
      steps: [
        { payload: udp({ sport: 9, dport: 53 }), rule: { protocol: UDP, port: 53 } },
        { payload: sctp({ sport: 9, dport: 7 }), rule: { protocol: 132, port: 7 } },
        { payload: echo(words.family, "request", 5), rule: { protocol: words.icmp, port: words.echoRequest } },
      ].flatMap(({ payload, rule }) => [
        {
          change: ingress(podB, { ...rule, port: rule.port + 1 }),
          send: sent(words, podA, podB, payload),
          into: fromA,
          drop: DropReason.DROP_POLICY,
        },
        { change: ingress(podB, rule), send: sent(words, podA, podB, payload), into: fromA, verdict: Verdict.REDIRECT },
      ]),
    },
    {
      name: "takes the source's identity at the pod's egress hook from the ipcache, from our own addresses, from the mark",
      steps: [
        { from: podC, mark: 0, identity: podC.identity },
        { from: internet, mark: 0, identity: words.world },
        { from: cidrHost, mark: 0, identity: cidrHost.identity },
        { from: router, mark: 0, identity: 1 },
        { from: internet, mark: 0x12340f00, identity: 0x1234 },
        { from: internet, mark: 0x12340f05, identity: 0x051234 },
        // threats: the first identity of this node's own scope is not the host.
        { from: internet, mark: 0x00011f00, identity: 0x01000001 },
        // Other marks say nothing about an identity.
        { from: internet, mark: 0x12340400, identity: words.world },
      ].map(({ from, mark, identity }) => ({
        change: ingress(podB),
        send: arriving(words, from, podB, syn),
        into: { ...toB, mark },
        drop: DropReason.DROP_POLICY,
        events: [{ kind: "drop" as const, sourceIdentity: identity, destinationIdentity: podB.identity }],
      })),
    },
  ]),
];
