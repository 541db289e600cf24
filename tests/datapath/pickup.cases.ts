// SPDX-License-Identifier: Apache-2.0
// Connections picked up in the middle, their entries lost: what either side still sends must not bring back what policy
// has denied meanwhile.
import assert from "node:assert/strict";
import { DropReason, EndpointConfigFlags } from "../../src/abi/index.ts";
import {
  bothFamilies,
  type Case,
  type FamilyWords,
  fromA,
  fromB,
  type Hook,
  type Step,
  sent,
  Verdict,
} from "./case.ts";
import { TcpFlag, tcp } from "./packet.ts";
import { all, expire, ingress, revoke } from "./rules.ts";
import { type Pod, podA, podB, type World } from "./world.ts";

const { SYN, ACK, FIN } = TcpFlag;
const CLIENT_PORT = 40000;

/** A packet of the connection from A, the client, to port 80 of B. */
function packet(words: FamilyWords, from: Pod, flags: number): { send: Uint8Array; into: Hook } {
  const ports = from === podA ? { sport: CLIENT_PORT, dport: 80 } : { sport: 80, dport: CLIENT_PORT };
  return {
    send: sent(words, from, from === podA ? podB : podA, tcp({ ...ports, flags })),
    into: from === podA ? fromA : fromB,
  };
}

const pass = (words: FamilyWords, from: Pod, flags: number, more: Partial<Step> = {}): Step => ({
  ...packet(words, from, flags),
  verdict: Verdict.REDIRECT,
  ...more,
});

const drop = (words: FamilyWords, from: Pod, flags: number, more: Partial<Step> = {}): Step => ({
  ...packet(words, from, flags),
  drop: DropReason.DROP_POLICY,
  ...more,
});

/** The policies of an open connection that B's ingress policy let in. */
function open(words: FamilyWords): Step[] {
  return [
    pass(words, podA, SYN, { change: ingress(podB, { protocol: 6, port: 80 }) }),
    pass(words, podB, SYN | ACK),
    pass(words, podA, ACK),
  ];
}

/** The pod's policy allows nothing in that direction any more, the other one is open. */
function deny(pod: Pod, flags: number): (world: World) => void {
  return all(revoke(pod), (world) => world.endpoint(pod, { flags, policyRevision: 3 }));
}

/** Nobody has a live flow with the peer. */
function noFlowWith(peer: Pod): (world: World) => void {
  return (world) => {
    const alive = world.flows().filter((flow) => flow.expires > 1 && flow.peerIdentity === peer.identity);
    assert.deepEqual(alive, []);
  };
}

export const pickupCases: readonly Case[] = bothFamilies((words) => [
  {
    name: "threats: a denied connection that lost its entry does not come back by what its server still sends",
    steps: [
      ...open(words),
      drop(words, podA, ACK, { change: deny(podB, EndpointConfigFlags.ENDPOINT_ENFORCE_INGRESS) }),
      drop(words, podB, ACK, { change: expire, check: noFlowWith(podA) }),
      drop(words, podB, FIN | ACK, { check: noFlowWith(podA) }),
      drop(words, podB, SYN | ACK, { check: noFlowWith(podA) }),
      drop(words, podA, ACK, { check: noFlowWith(podA) }),
    ],
  },
  {
    name: "threats: a denied connection that lost its entry does not come back by what reaches its client",
    steps: [
      ...open(words),
      drop(words, podB, ACK, {
        change: all(deny(podA, EndpointConfigFlags.ENDPOINT_ENFORCE_EGRESS), (world) => world.endpoint(podB), expire),
        check: noFlowWith(podB),
      }),
    ],
  },
  {
    name: "picks up a connection at its server, whose policy allows its client",
    steps: [
      ...open(words),
      pass(words, podB, ACK, { change: expire }),
      pass(words, podA, ACK, { silent: ["verdict"] }),
      pass(words, podB, ACK, { silent: ["verdict"] }),
    ],
  },
]);
