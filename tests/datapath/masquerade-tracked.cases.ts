// SPDX-License-Identifier: Apache-2.0
// Masquerading of flows that conntrack knows, as it does on a node: their translation stands in the conntrack entry.
import assert from "node:assert/strict";
import { abiLayout } from "../../src/abi/index.ts";
import { ipFrom16 } from "../../src/core/index.ts";
import { bothFamilies, type Case, type FamilyWords, type Step, sent, Verdict } from "./case.ts";
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
  quote,
  reply,
  untouched,
} from "./masquerade-steps.ts";
import { icmpError, type Payload, TcpFlag } from "./packet.ts";
import { forgetTranslations, giveAddresses, movePort, node, translations } from "./translations.ts";
import { type Addresses, internet, type Pod, podA, podB, type World } from "./world.ts";

const { SYN, ACK, FIN, RST } = TcpFlag;
const secondAddress = { ipv4: "172.31.240.99", ipv6: "fd00:31:240::99" };
/** MARK_TRANSLATED of bpf/lib/mark.h. */
const TRANSLATED = 0x300;
const isIn = ({ direction }: { direction: number }) => direction === 1;

/** A pod's packet as conntrack sees it, before the device does. */
const sends = (words: FamilyWords, pod: Pod, payload: Payload): Step => ({
  send: sent(words, pod, internet, payload),
  into: { at: "from-pod", pod },
  verdict: Verdict.PASS,
});

/** Both: it is sent, and leaves with the port `as`. */
const goes = (words: FamilyWords, pod: Pod, make: (port: number) => Payload, port: number, as = port): Step[] => [
  sends(words, pod, make(port)),
  leaves(words, pod, make, port, as),
];

/** It leaves with a port that is not `port`. */
const goesElsewhere = (words: FamilyWords, pod: Pod, make: (port: number) => Payload, port: number): Step[] => [
  sends(words, pod, make(port)),
  {
    send: frame(words, pod, internet, make(port)),
    into: leaving(pod),
    verdict: Verdict.NEXT,
    check: (world) => {
      const at = portOf(world, words.ip(pod), port);
      assert.ok(at !== undefined && at !== port && at >= 32_768, String(at));
    },
  },
];

/** By the entry for answers. */
function portOf(world: World, address: string, port: number): number | undefined {
  const row = translations(world).find((each) => isIn(each) && each.port === port && addressOf(each) === address);
  return row && new DataView(row.key.buffer, row.key.byteOffset + (row.family === 4 ? 10 : 34)).getUint16(0);
}

function addressOf({ family, address }: { family: 4 | 6; address: Uint8Array }): string {
  return ipFrom16(address, family);
}

const conntrackMap = (world: World, { family }: FamilyWords, tcp = true) =>
  world.map(`cilium_ct${tcp ? "" : "_any"}${family}_global`);

function sentPackets(world: World, words: FamilyWords): bigint[] {
  const at = abiLayout["ct_entry"]?.members["tx_packets"]?.[0] ?? Number.NaN;
  return [...conntrackMap(world, words).entries()].map(([, value]) =>
    new DataView(value.buffer, value.byteOffset).getBigUint64(at, true),
  );
}

/** The device gives another address; `gone`: the node has the former one no longer. */
function moveTo(world: World, addresses: Addresses, gone: boolean): void {
  giveAddresses(world, addresses);
  if (gone) for (const address of [node.ipv4, node.ipv6]) world.forgetLxc(address);
}

const quoted = (words: FamilyWords, to: Addresses) => quote(words, internet, to, reply(40_000));

export const masqueradeTrackedCases: readonly Case[] = bothFamilies((words) => [
  {
    name: "needs one entry for a flow that conntrack knows, and brings answers back",
    steps: [
      first(sends(words, podA, get(SYN)(40_000))),
      {
        ...leaves(words, podA, get(SYN), 40_000),
        check: (world) => assert.deepEqual(translations(world).map(isIn), [true]),
      },
      answers(words, podA, got(SYN | ACK), 40_000),
      ...goes(words, podA, get(ACK), 40_000),
      ...goes(words, podA, get(FIN | ACK), 40_000),
      answers(words, podA, got(FIN | ACK), 40_000),
    ],
  },
  {
    name: "gives a known flow with a port below the range the same other one each time",
    steps: [
      first(sends(words, podA, query(1234))),
      ...goesElsewhere(words, podA, query, 1234),
      {
        ...goesElsewhere(words, podA, query, 1234)[1],
        check: (world: World) => assert.equal(translations(world).length, 1),
      } as Step,
    ],
  },
  {
    name: "opens a known flow again with the port that it had, and counts anew",
    steps: [
      first(sends(words, podA, get(SYN)(1234))),
      ...goesElsewhere(words, podA, get(SYN), 1234),
      ...goesElsewhere(words, podA, get(RST | ACK), 1234),
      { ...sends(words, podA, get(SYN)(1234)), check: (world) => assert.deepEqual(sentPackets(world, words), [1n]) },
      {
        ...goesElsewhere(words, podA, get(SYN), 1234)[1],
        check: (world: World) => assert.equal(translations(world).length, 1),
      } as Step,
    ],
  },
  {
    name: "puts back a known flow's entry for answers when the table has lost it",
    steps: [
      first(sends(words, podA, get(SYN)(40_000))),
      leaves(words, podA, get(SYN), 40_000),
      { ...sends(words, podA, get(ACK)(40_000)), change: (world) => forgetTranslations(world, isIn) },
      leaves(words, podA, get(ACK), 40_000),
      answers(words, podA, got(ACK), 40_000),
    ],
  },
  {
    name: "gives a known flow whose port another one has by now a new port, and disturbs that one not",
    steps: [
      first(sends(words, podA, get(SYN)(40_000))),
      leaves(words, podA, get(SYN), 40_000),
      { ...sends(words, podB, get(SYN)(40_000)), change: (world) => forgetTranslations(world, isIn) },
      leaves(words, podB, get(SYN), 40_000),
      ...goesElsewhere(words, podA, get(FIN | ACK), 40_000),
      answers(words, podB, got(ACK), 40_000),
    ],
  },
  {
    name: "goes on with a flow that conntrack has lost",
    steps: [
      first(sends(words, podA, query(40_000))),
      leaves(words, podA, query, 40_000),
      { ...answers(words, podA, reply, 40_000), change: (world) => conntrackMap(world, words, false).clear() },
      { ...leaves(words, podA, query, 40_000), change: (world) => conntrackMap(world, words, false).clear() },
      answers(words, podA, reply, 40_000),
    ],
  },
  {
    name: "goes on with a flow whose translation stands in an entry of its own, as earlier builds had it",
    steps: [
      first(leaves(words, podA, query, 40_000)),
      { ...sends(words, podA, query(40_000)), change: (world) => movePort(world, words.ip(podA), 40_000, 50_001) },
      ...goes(words, podA, query, 40_000, 50_001),
      answers(words, podA, reply, 40_000, 50_001),
      ...goes(words, podA, query, 40_000, 50_001),
    ],
  },
  {
    name: "keeps a known flow's address while the node has it, and takes the new one then",
    steps: [
      first(sends(words, podA, query(40_000))),
      leaves(words, podA, query, 40_000),
      { ...leaves(words, podA, query, 40_000), change: (world) => moveTo(world, secondAddress, false) },
      {
        ...leaves(words, podA, query, 40_000),
        change: (world) => moveTo(world, secondAddress, true),
        packet: frame(words, secondAddress, internet, query(40_000)),
      },
    ],
  },
  {
    name: "translates a pod's error about an answer of a known flow",
    steps: [
      first(sends(words, podA, query(40_000))),
      leaves(words, podA, query, 40_000),
      answers(words, podA, reply, 40_000),
      {
        send: frame(words, podA, internet, icmpError(words.family, words.unreachable, 3, quoted(words, podA))),
        into: leaving(podA),
        verdict: Verdict.NEXT,
        packet: frame(words, node, internet, icmpError(words.family, words.unreachable, 3, quoted(words, node))),
      },
    ],
  },
  {
    name: "lets what a pod's program has translated already pass, but not what the node marks so",
    steps: [
      {
        ...first(untouched(words, node, internet, query(40_000), { ...leaving(podA), mark: TRANSLATED })),
        mark: 0,
        check: (world) => assert.equal(translations(world).length, 0),
      },
      {
        ...untouched(words, node, internet, query(40_000), { ...leaving(), mark: TRANSLATED }),
        check: (world) => assert.equal(translations(world).length, 1),
      },
    ],
  },
  {
    name: "threats: brings an answer to a known flow's port from nobody else",
    steps: [
      first(sends(words, podA, query(40_000))),
      leaves(words, podA, query, 40_000),
      {
        send: frame(words, podB, node, reply(40_000)),
        into: coming,
        verdict: Verdict.NEXT,
        packet: frame(words, podB, node, reply(40_000)),
      },
    ],
  },
]);
