// SPDX-License-Identifier: Apache-2.0
// What the host itself sends to a pod, where the stack brings it to the pod's own device: endpoint routes with the host
// firewall.
import {
  DropReason,
  EndpointConfigFlags,
  HOST_ENDPOINT,
  PolicyDirection,
  TailCall,
  TracePoint,
} from "../../src/abi/index.ts";
import { arriving, bothFamilies, type Case, fromA, received, sent, toA, Verdict } from "./case.ts";
import { hostEndpoint, hostSets } from "./host-endpoint.ts";
import { TcpFlag, tcp } from "./packet.ts";
import { ingress } from "./rules.ts";
import { internet, LOOPBACK, podA, router, u32le, type World } from "./world.ts";

const { SYN, ACK } = TcpFlag;
const TCP = 6;
const syn = (dport: number, sport = 40_000) => tcp({ sport, dport, flags: SYN });

/** The host may send to pod A's port 80 and nothing else; pod A takes port 81 too. */
function onlyPort80(world: World): void {
  hostEndpoint(world, EndpointConfigFlags.ENDPOINT_ENFORCE_EGRESS);
  const direction = PolicyDirection.DIRECTION_EGRESS;
  world.policy({ set: hostSets.egress, direction, identity: podA.identity, protocol: TCP, port: 80 });
  ingress(podA, { identity: 1, protocol: TCP, port: 80 }, { identity: 1, protocol: TCP, port: 81 })(world);
}

export const hostToPodCases: readonly Case[] = bothFamilies((words) => [
  {
    name: "judges what the host sends on the pod's device, by the host's policy and by the pod's",
    steps: [
      {
        change: onlyPort80,
        send: arriving(words, router, podA, syn(80)),
        into: toA,
        verdict: Verdict.PASS,
        packet: received(words, router, podA, syn(80)),
        events: [
          { kind: "verdict", endpoint: HOST_ENDPOINT, remoteIdentity: podA.identity, verdict: 0 },
          { kind: "verdict", endpoint: podA.id, remoteIdentity: 1, verdict: 0 },
          { kind: "trace", point: TracePoint.TRACE_TO_ENDPOINT, sourceIdentity: 1 },
        ],
      },
      {
        send: arriving(words, router, podA, syn(81)),
        into: toA,
        drop: DropReason.DROP_POLICY,
        events: [{ kind: "drop", endpoint: HOST_ENDPOINT, sourceIdentity: 1, destinationIdentity: podA.identity }],
      },
      {
        change: (world) => hostEndpoint(world, 0, { policyRevision: 2 }),
        send: arriving(words, router, podA, syn(82)),
        into: toA,
        drop: DropReason.DROP_POLICY,
        events: [{ kind: "drop", endpoint: podA.id, sourceIdentity: 1, destinationIdentity: podA.identity }],
      },
    ],
  },
  {
    name: "lets the host answer a pod, and nothing else",
    steps: [
      {
        change: (world) => hostEndpoint(world, EndpointConfigFlags.ENDPOINT_ENFORCE_EGRESS),
        send: sent(words, podA, router, syn(53)),
        into: fromA,
        verdict: Verdict.PASS,
      },
      {
        send: arriving(words, router, podA, tcp({ sport: 53, dport: 40_000, flags: SYN | ACK })),
        into: toA,
        verdict: Verdict.PASS,
      },
      { send: arriving(words, router, podA, syn(40_000, 54)), into: toA, drop: DropReason.DROP_POLICY },
    ],
  },
  {
    name: "does not ask the host's policy about what the host forwards",
    steps: [
      {
        change: (world) => hostEndpoint(world, EndpointConfigFlags.ENDPOINT_ENFORCE_EGRESS),
        send: arriving(words, internet, podA, syn(80)),
        into: { at: "to-pod", pod: podA, ingressIfindex: LOOPBACK },
        verdict: Verdict.PASS,
      },
    ],
  },
  {
    name: "threats: sends nothing past a host firewall that is not loaded",
    steps: [
      {
        change: (world) => world.map("cilium_calls").delete(u32le(TailCall.CALL_HOST_TO_CONTAINER)),
        send: arriving(words, router, podA, syn(80)),
        into: toA,
        drop: DropReason.DROP_MISSED_TAIL_CALL,
      },
    ],
  },
]);
