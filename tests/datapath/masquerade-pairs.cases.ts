// SPDX-License-Identifier: Apache-2.0
// Masquerading: the node's own flows beside those of pods, and a flow's two entries, which stay together.
import assert from "node:assert/strict";
import { bothFamilies, type Case, type FamilyWords, Verdict } from "./case.ts";
import {
  answers,
  coming,
  first,
  frame,
  get,
  got,
  leaves,
  leaving,
  query,
  reply,
  untouched,
} from "./masquerade-steps.ts";
import { echo, TcpFlag, tcp, udp } from "./packet.ts";
import {
  expireTranslations,
  forgetTranslations,
  masqueraded,
  node,
  translatedPort,
  translations,
} from "./translations.ts";
import { internet, otherNode, podA, podB } from "./world.ts";

const { SYN, ACK, FIN } = TcpFlag;

/** The node's own flows. */
function hostCases(words: FamilyWords): Case[] {
  return [
    {
      name: "leaves the node's own flows alone, and no pod gets their ports",
      steps: [
        { ...untouched(words, node, internet, get(SYN)(40_000), leaving()), change: masqueraded },
        {
          send: frame(words, podA, internet, get(SYN)(40_000)),
          into: leaving(podA),
          verdict: Verdict.NEXT,
          check: (world) => assert.notEqual(translatedPort(world, words.ip(podA), 40_000), 40_000),
        },
        untouched(words, internet, node, got(SYN | ACK)(40_000), coming),
        untouched(words, node, internet, get(ACK)(40_000), leaving()),
      ],
    },
    {
      name: "gives the node's own flow another port where a pod has its, and brings the answer back to it",
      steps: [
        first(leaves(words, podA, query, 40_000)),
        {
          send: frame(words, node, internet, query(40_000)),
          into: leaving(),
          verdict: Verdict.NEXT,
          check: (world) => assert.notEqual(translatedPort(world, words.ip(node), 40_000), 40_000),
        },
        answers(words, podA, reply, 40_000),
      ],
    },
    {
      name: "notes no flows of the node that no pod can get in the way of",
      steps: [
        {
          ...untouched(words, node, internet, tcp({ sport: 22, dport: 50_000, flags: SYN | ACK }), leaving()),
          change: masqueraded,
        },
        untouched(words, node, otherNode, udp({ sport: 40_000, dport: 8472 }), leaving()),
        {
          ...untouched(words, node, internet, echo(words.family, "reply", 40_000), leaving()),
          check: (world) => assert.equal(translations(world).length, 0),
        },
      ],
    },
  ];
}

/** Both entries of a flow stay together. */
function pairCases(words: FamilyWords): Case[] {
  const isIn = ({ direction }: { direction: number }) => direction === 1;
  return [
    {
      name: "puts back the entry for answers when the table has lost it",
      steps: [
        first(leaves(words, podA, get(SYN), 40_000)),
        {
          ...leaves(words, podA, get(ACK), 40_000),
          change: (world) => forgetTranslations(world, isIn),
          check: (world) => assert.equal(translations(world).length, 2),
        },
        answers(words, podA, got(ACK), 40_000),
      ],
    },
    {
      name: "puts back the entry for what leaves when the table has lost it",
      steps: [
        first(leaves(words, podA, get(SYN), 40_000)),
        {
          ...answers(words, podA, got(SYN | ACK), 40_000),
          change: (world) => forgetTranslations(world, (row) => !isIn(row)),
          check: (world) => assert.equal(translations(world).length, 2),
        },
      ],
    },
    {
      name: "gives a flow whose port another one has by now a new port, and disturbs that one not",
      steps: [
        first(leaves(words, podA, get(SYN), 40_000)),
        {
          ...leaves(words, podB, get(SYN), 40_000),
          change: (world) => forgetTranslations(world, isIn),
        },
        {
          // SYN|ACK: its flags are new to the entry, so that the other one is looked at.
          send: frame(words, podA, internet, get(FIN | ACK)(40_000)),
          into: leaving(podA),
          verdict: Verdict.NEXT,
          check: (world) => assert.notEqual(translatedPort(world, words.ip(podA), 40_000), 40_000),
        },
        answers(words, podB, got(ACK), 40_000),
      ],
    },
    {
      name: "lets a flow that has ended go, and gives its port to the next one",
      steps: [
        first(leaves(words, podA, get(SYN), 40_000)),
        {
          ...untouched(words, internet, node, got(ACK)(40_000), coming),
          change: (world) => expireTranslations(world),
        },
        leaves(words, podB, get(SYN), 40_000),
        answers(words, podB, got(SYN | ACK), 40_000),
      ],
    },
  ];
}

export const masqueradePairCases: readonly Case[] = bothFamilies((words) => [...hostCases(words), ...pairCases(words)]);
