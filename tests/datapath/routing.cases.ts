// SPDX-License-Identifier: Apache-2.0
// Native routing and endpoint routes: who a packet comes from, when the stack brought it.
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
  toA,
  Verdict,
} from "./case.ts";
import { tcp } from "./packet.ts";
import { ingress } from "./rules.ts";
import { type Addresses, internet, podA, podB, podC, router } from "./world.ts";

const syn = tcp({ sport: 4000, dport: 80, flags: 2 });
/** Of the loopback device, the only one that there is in a test run. */
const device = 1;
const forwarded: Hook = { at: "from-host", ingressIfindex: device };
const routed: Hook = { at: "to-pod", pod: podA, ingressIfindex: device };

function identityMark(identity: number): number {
  return ((identity << 16) | 0x0f00) >>> 0;
}

/** A step in which pod A gets the packet as that identity's. */
function gets(words: FamilyWords, from: Addresses, identity: number, into: Hook) {
  return {
    send: arriving(words, from, podA, syn),
    into,
    verdict: Verdict.PASS,
    packet: received(words, from, podA, syn),
    events: [{ kind: "trace" as const, point: TracePoint.TRACE_TO_ENDPOINT, sourceIdentity: identity }],
  };
}

/** Without a tunnel. */
export const nativeCases: readonly Case[] = bothFamilies((words) => [
  {
    name: "leaves a pod's packet to a pod of another node to the stack",
    steps: [
      {
        send: sent(words, podA, podC, syn),
        into: fromA,
        verdict: Verdict.PASS,
        packet: sent(words, podA, podC, syn),
        mark: 0,
        events: [{ kind: "trace" as const, point: TracePoint.TRACE_TO_STACK, destinationIdentity: podC.identity }],
      },
    ],
  },
  {
    name: "knows a pod of another node by its address",
    steps: [
      {
        send: arriving(words, podC, podA, syn),
        into: forwarded,
        verdict: Verdict.REDIRECT,
        mark: identityMark(podC.identity),
      },
    ],
  },
  {
    name: "threats: a pod of this node does not come from outside",
    steps: [{ send: arriving(words, podB, podA, syn), into: forwarded, drop: DropReason.DROP_INVALID_SIP }],
  },
]);

/** With a tunnel and endpoint routes. */
export const endpointRouteCases: readonly Case[] = bothFamilies((words) => [
  {
    name: "judges what the stack brings by who sent it",
    steps: [
      { change: ingress(podA, { identity: 1 }, { identity: words.world }), ...gets(words, router, 1, toA) },
      gets(words, internet, words.world, routed),
      {
        send: arriving(words, podB, podA, syn),
        into: routed,
        change: (world) => world.endpoint(podB, { ifindex: device }),
        drop: DropReason.DROP_POLICY,
      },
      gets(words, router, words.world, routed),
    ],
  },
  {
    name: "threats: pods do not come another way than theirs",
    steps: [
      { send: arriving(words, podC, podA, syn), into: routed, drop: DropReason.DROP_INVALID_SIP },
      { send: arriving(words, podB, podA, syn), into: routed, drop: DropReason.DROP_INVALID_SIP },
    ],
  },
]);

/** With endpoint routes and without a tunnel. */
export const nativeEndpointRouteCases: readonly Case[] = bothFamilies((words) => [
  {
    name: "knows a pod of another node by its address, on the pod's own device",
    steps: [
      { change: ingress(podA, { identity: podC.identity }), ...gets(words, podC, podC.identity, routed) },
      { send: arriving(words, podB, podA, syn), into: routed, drop: DropReason.DROP_INVALID_SIP },
    ],
  },
]);
