// SPDX-License-Identifier: Apache-2.0
// Masquerading: errors about flows, and fragments, in both directions.
import assert from "node:assert/strict";
import { bothFamilies, type Case, type FamilyWords, received, type Step, Verdict } from "./case.ts";
import { coming, first, frame, get, leaves, leaving, query, quote, reply, secondServer } from "./masquerade-steps.ts";
import { echo, icmpError, part, TcpFlag, udp } from "./packet.ts";
import { masqueraded, node } from "./translations.ts";
import { type Addresses, internet, podA, podB } from "./world.ts";

const { SYN } = TcpFlag;

/** Errors by type and code that come back about what was sent. */
function errorKinds(words: FamilyWords): readonly (readonly [string, number, number])[] {
  return words.family === 4
    ? [
        ["fragmentation needed", 3, 4],
        ["unreachable", 3, 1],
        ["time exceeded", 11, 0],
      ]
    : [
        ["packet too big", 2, 0],
        ["unreachable", 1, 0],
        ["time exceeded", 3, 0],
      ];
}

/** Errors about each protocol, with as much of the packet as routers quote at least, and with all of it. */
function errorCases(words: FamilyWords): Case[] {
  const sent = [
    ["TCP", get(SYN)],
    ["UDP", query],
    ["an echo request", (id: number) => echo(words.family, "request", id)],
  ] as const;
  return sent.flatMap(([protocol, make]) =>
    [undefined, 8].map((length) => ({
      name: `translates errors about ${protocol} back, quoting ${length === undefined ? "all of it" : "8 bytes"}`,
      steps: [
        first({ ...leaves(words, podB, make, 40_000) }),
        { send: frame(words, podA, internet, make(40_000)), into: leaving(podA), verdict: Verdict.NEXT },
        ...errorKinds(words).map(([, type, code]): Step => {
          const error = (from: Addresses) =>
            icmpError(words.family, type, code, quote(words, from, internet, make(40_000), length));
          return {
            send: frame(words, secondServer, node, error(node)),
            into: coming,
            verdict: Verdict.REDIRECT,
            packet: received(words, secondServer, podB, error(podB)),
          };
        }),
      ],
    })),
  );
}

/** Fragments of one datagram follow the first in both directions. */
function fragmentCases(words: FamilyWords): Case[] {
  const data = Uint8Array.from({ length: 64 }, (_, index) => index);
  const question = (port: number) => udp({ sport: port, dport: 53, data });
  const answer = (port: number) => udp({ sport: 53, dport: port, data });
  const head = { id: 77, moreFragments: true } as const;
  const tail = { id: 77, fragmentOffset: 40 } as const;
  const pieces = [
    [head, 0, 40],
    [tail, 40, undefined],
  ] as const;
  return [
    {
      name: "translates all fragments of a datagram, and of its answer",
      steps: [
        ...pieces.map(([rest, from, to], index) => ({
          ...(index === 0 && { change: masqueraded }),
          send: frame(words, podA, internet, part(question(40_000), from, to), rest),
          into: leaving(podA),
          verdict: Verdict.NEXT,
          packet: frame(words, node, internet, part(question(40_000), from, to), rest),
        })),
        ...pieces.map(([rest, from, to]) => ({
          send: frame(words, internet, node, part(answer(40_000), from, to), rest),
          into: coming,
          verdict: Verdict.REDIRECT,
          packet: received(words, internet, podA, part(answer(40_000), from, to), rest),
        })),
      ],
    },
    {
      name: "threats: remembers no fragments from outside but those of answers",
      steps: [
        {
          change: masqueraded,
          send: frame(words, internet, node, part(answer(40_000), 0, 40), head),
          into: coming,
          verdict: Verdict.NEXT,
          check: (world) =>
            assert.equal([...world.map(`cilium_ipv${words.family}_frag_datagrams`).entries()].length, 0),
        },
      ],
    },
  ];
}

export const masqueradeErrorCases: readonly Case[] = bothFamilies((words) => [
  ...errorCases(words),
  {
    name: "translates a pod's error about what it got as an answer",
    steps: [
      first(leaves(words, podA, query, 40_000)),
      {
        send: frame(
          words,
          podA,
          internet,
          icmpError(words.family, words.unreachable, 3, quote(words, internet, podA, reply(40_000))),
        ),
        into: leaving(podA),
        verdict: Verdict.NEXT,
        packet: frame(
          words,
          node,
          internet,
          icmpError(words.family, words.unreachable, 3, quote(words, internet, node, reply(40_000))),
        ),
      },
    ],
  },
  ...fragmentCases(words),
]);
