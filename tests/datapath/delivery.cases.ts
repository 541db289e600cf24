// SPDX-License-Identifier: Apache-2.0
// The last steps to a pod: hop limit, MAC addresses, which hook, and that the address is its own.
import { DropReason, TracePoint } from "../../src/abi/index.ts";
import { arriving, bothFamilies, type Case, fromA, received, sent, toB, Verdict } from "./case.ts";
import { ipv4, tcp } from "./packet.ts";
import { internet, podA, podB, podC, router } from "./world.ts";

const syn = tcp({ sport: 4000, dport: 80, flags: 2, data: new Uint8Array(300) });

/** Identifications with which the IPv4 header's checksum is that: the carry at 0xfeff is where code goes wrong. */
function idsWithChecksum(wanted: number): number[] {
  const ids = Array.from({ length: 0x10000 }, (_, id) => id);
  return ids.filter((id) => {
    const header = ipv4({ source: podA.ipv4, destination: podB.ipv4, id }, syn).subarray(0, 20);
    return ((header[10] ?? 0) << 8) + (header[11] ?? 0) === wanted;
  });
}

export const deliveryCases: readonly Case[] = [
  ...bothFamilies((words) => [
    {
      name: "takes one hop and writes the MAC addresses, from a pod and from the stack",
      steps: [
        ...[2, 64, 255].map((ttl) => ({
          send: sent(words, podA, podB, syn, { ttl }),
          into: fromA,
          verdict: Verdict.REDIRECT,
          packet: received(words, podA, podB, syn, { ttl: ttl - 1 }),
        })),
        {
          send: arriving(words, internet, podB, syn),
          into: toB,
          verdict: Verdict.PASS,
          packet: received(words, internet, podB, syn),
        },
      ],
    },
    {
      name: "keeps the header checksum right for every identification",
      steps: [0, 1, 0xffff, ...idsWithChecksum(0xfeff)].map((id) => ({
        send: sent(words, podA, podB, syn, words.family === 4 ? { id } : {}),
        into: fromA,
        verdict: Verdict.REDIRECT,
        packet: received(words, podA, podB, syn, words.family === 4 ? { id } : {}),
      })),
    },
    {
      name: "drops at the last hop and sends nothing",
      steps: [0, 1].map((ttl) => ({
        send: sent(words, podA, podB, syn, { ttl }),
        into: fromA,
        drop: DropReason.DROP_TTL_EXCEEDED,
        events: [{ kind: "drop" as const, endpoint: podB.id, sourceIdentity: podA.identity }],
      })),
    },
    {
      name: "leaves the hop limit to the far end of a tunnel and to the stack",
      steps: [
        {
          send: sent(words, podA, podC, syn, { ttl: 1 }),
          into: fromA,
          verdict: Verdict.REDIRECT,
          packet: sent(words, podA, podC, syn, { ttl: 1 }),
        },
        {
          send: sent(words, podA, router, syn, { ttl: 1 }),
          into: fromA,
          verdict: Verdict.PASS,
          packet: sent(words, podA, router, syn, { ttl: 1 }),
        },
      ],
    },
    {
      name: "threats: drops what is routed to a pod's device but not for its address",
      steps: [
        { send: arriving(words, router, podA, syn), into: toB, drop: DropReason.DROP_NO_LOCAL_ENDPOINT },
        {
          send: arriving(words, router, { ...podB, ipv4: "0.0.0.0", ipv6: "::" }, syn),
          into: toB,
          drop: DropReason.DROP_NO_LOCAL_ENDPOINT,
        },
      ],
    },
    {
      name: "says who got it from whom",
      steps: [
        {
          send: sent(words, podA, podB, syn),
          into: fromA,
          verdict: Verdict.REDIRECT,
          events: [
            { kind: "trace", point: TracePoint.TRACE_FROM_ENDPOINT, endpoint: podA.id, sourceIdentity: podA.identity },
            {
              kind: "trace",
              point: TracePoint.TRACE_TO_ENDPOINT,
              endpoint: podB.id,
              destinationEndpoint: podB.id,
              sourceIdentity: podA.identity,
              destinationIdentity: podB.identity,
              ifindex: podB.ifindex,
              flags: words.family === 6 ? 1 : 0,
            },
          ],
        },
      ],
    },
  ]),
];
