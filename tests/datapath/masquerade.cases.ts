// SPDX-License-Identifier: Apache-2.0
// Masquerading: what pods send to the world and its answers; what is left alone; ports that run out.
import assert from "node:assert/strict";
import { DropReason } from "../../src/abi/index.ts";
import { bothFamilies, type Case, Verdict } from "./case.ts";
import {
  answers,
  coming,
  first,
  frame,
  get,
  got,
  group,
  leaves,
  leaving,
  office,
  query,
  quote,
  reply,
  secondServer,
  untouched,
} from "./masquerade-steps.ts";
import { echo, icmpError, type Payload, sctp, TcpFlag, tcp, udp } from "./packet.ts";
import { masqueraded, natTries, node, stopMasquerading, translatedPort, translations } from "./translations.ts";
import { internet, LOOPBACK, otherNode, podA, podB, podC, type World } from "./world.ts";

const { SYN, ACK, FIN } = TcpFlag;

export const masqueradeCases: readonly Case[] = bothFamilies((words) => [
  {
    name: "gives a pod's connection the node's address, keeps its port, and brings answers back",
    steps: [
      first(leaves(words, podA, get(SYN), 40_000)),
      answers(words, podA, got(SYN | ACK), 40_000),
      leaves(words, podA, get(ACK), 40_000),
      answers(words, podA, got(FIN | ACK), 40_000),
    ],
  },
  {
    name: "does the same with datagrams and echo requests",
    steps: [
      first(leaves(words, podA, query, 40_001)),
      answers(words, podA, reply, 40_001),
      leaves(words, podA, (id) => echo(words.family, "request", id), 50_000),
      answers(words, podA, (id) => echo(words.family, "reply", id), 50_000),
    ],
  },
  {
    name: "gives a port below the range another one, the same for all packets of the flow",
    steps: [
      {
        change: masqueraded,
        send: frame(words, podA, internet, query(1234)),
        into: leaving(podA),
        verdict: Verdict.NEXT,
        check: (world) => assert.ok((translatedPort(world, words.ip(podA), 1234) ?? 0) >= 32_768),
      },
      {
        send: frame(words, podA, internet, query(1234)),
        into: leaving(podA),
        verdict: Verdict.NEXT,
        check: (world) => assert.equal(translations(world).length, 2),
      },
    ],
  },
  {
    name: "takes a UDP datagram without checksum for what it is",
    steps: [
      first({
        ...leaves(words, podA, (port) => withoutChecksum(query(port)), 40_000),
      }),
    ],
  },
  {
    name: "gives two pods with one port to one server different ones",
    steps: [
      first(leaves(words, podA, get(SYN), 40_000)),
      {
        send: frame(words, podB, internet, get(SYN)(40_000)),
        into: leaving(podB),
        verdict: Verdict.NEXT,
        check: (world) => assert.notEqual(translatedPort(world, words.ip(podB), 40_000), 40_000),
      },
      answers(words, podA, got(SYN | ACK), 40_000),
      // To another server the port is free.
      {
        send: frame(words, podB, secondServer, get(SYN)(40_000)),
        into: leaving(podB),
        verdict: Verdict.NEXT,
        packet: frame(words, node, secondServer, get(SYN)(40_000)),
      },
    ],
  },
  {
    name: "leaves alone what goes to pods, to excluded prefixes, to groups, and what others send",
    steps: [
      { ...untouched(words, podA, podC, query(40_000), leaving(podA)), change: masqueraded },
      untouched(words, podA, office, query(40_000), leaving(podA)),
      untouched(words, podA, group, query(40_000), leaving(podA)),
      untouched(words, secondServer, internet, query(40_000), leaving()),
      { ...untouched(words, podA, internet, query(40_000), leaving(podA)), change: stopMasquerading },
    ],
  },
  {
    name: "gives the node's address to what goes to other nodes, which know pods only through the tunnel",
    steps: [
      {
        change: (world) => {
          masqueraded(world);
          world.ipcache(words.ip(otherNode), { identity: 6 });
        },
        send: frame(words, podA, otherNode, query(40_000)),
        into: leaving(podA),
        verdict: Verdict.NEXT,
        packet: frame(words, node, otherNode, query(40_000)),
      },
    ],
  },
  {
    name: "leaves a pod's answers to who knows its own address alone",
    steps: [
      {
        change: masqueraded,
        send: frame(words, internet, podA, tcp({ sport: 5000, dport: 8080, flags: SYN })),
        into: { at: "to-pod", pod: podA },
        verdict: Verdict.PASS,
      },
      untouched(words, podA, internet, tcp({ sport: 8080, dport: 5000, flags: SYN | ACK }), leaving(podA)),
      untouched(words, podA, internet, echo(words.family, "reply", 40_000), leaving(podA)),
    ],
  },
  {
    name: "threats: brings nothing to a pod but what answers it",
    steps: [
      first(leaves(words, podA, query, 40_000)),
      untouched(words, secondServer, node, reply(40_000), coming),
      untouched(words, internet, node, reply(40_001), coming),
      untouched(words, internet, node, udp({ sport: 54, dport: 40_000 }), coming),
      untouched(words, internet, node, tcp({ sport: 53, dport: 40_000 }), coming),
      untouched(words, internet, secondServer, reply(40_000), coming),
      untouched(
        words,
        secondServer,
        node,
        icmpError(words.family, words.unreachable, 3, quote(words, node, internet, query(40_001))),
        coming,
      ),
    ],
  },
  {
    name: "drops what it cannot translate, with that reason",
    steps: [
      {
        change: masqueraded,
        send: frame(words, podA, internet, sctp({ sport: 40_000, dport: 80 })),
        into: leaving(podA),
        drop: DropReason.DROP_NAT_UNSUPP_PROTO,
      },
    ],
  },
]);

function withoutChecksum(payload: Payload): Payload {
  return {
    protocol: payload.protocol,
    bytes(source, destination) {
      const bytes = Uint8Array.from(payload.bytes(source, destination));
      bytes.fill(0, 6, 8);
      return bytes;
    },
  };
}

/** For a node with the ports 40000 to 40003 only. */
export const exhaustionCases: readonly Case[] = bothFamilies((words) => [
  {
    name: "finds the last free port, and drops with a reason of its own when there is none",
    steps: [
      ...[1, 2, 3, 4].map((port) => ({
        ...(port === 1 && { change: masqueraded }),
        send: frame(words, podA, internet, query(port)),
        into: leaving(podA),
        verdict: Verdict.NEXT,
      })),
      {
        send: frame(words, podA, internet, query(5)),
        into: leaving(podA),
        drop: DropReason.DROP_NAT_NO_MAPPING,
        check: (world) => {
          const ports = [1, 2, 3, 4].map((port) => translatedPort(world, words.ip(podA), port));
          assert.deepEqual(ports.toSorted(), [40_000, 40_001, 40_002, 40_003]);
          const tries = natTries(world, words.family);
          assert.equal(
            tries.reduce((sum, count) => sum + count, 0),
            5,
          );
          assert.equal(tries.at(-1), 1);
        },
      },
      {
        send: frame(words, podA, secondServer, query(5)),
        into: leaving(podA),
        verdict: Verdict.NEXT,
      },
    ],
  },
]);

/** For a node, or a pod with these flags, whose packets the stack sees: it brings the answers to the pod. */
export const byStackCases = (flags = 0): readonly Case[] =>
  bothFamilies((words) => [
    {
      name: "leaves answers, translated, to the stack that saw the question",
      steps: [
        {
          ...leaves(words, podA, get(SYN), 40_000),
          change: (world) => {
            masqueraded(world);
            world.endpoint(podA, { flags });
          },
        },
        {
          send: frame(words, internet, node, got(SYN | ACK)(40_000)),
          into: coming,
          verdict: Verdict.NEXT,
          packet: frame(words, internet, podA, got(SYN | ACK)(40_000)),
          mark: 0,
        },
        {
          send: frame(words, internet, podA, got(SYN | ACK)(40_000)),
          into: { at: "from-host", ingressIfindex: LOOPBACK },
          verdict: Verdict.REDIRECT,
        },
      ],
    },
  ]);

/** Of a node of the cluster with labels (scope 2). */
const LABELLED_NODE = 0x02000001;

/** For a node without a tunnel. */
export const nativeMasqueradeCases: readonly Case[] = bothFamilies((words) => [
  {
    name: "leaves alone what goes to other nodes, whatever their identity",
    steps: [6, 7, LABELLED_NODE].map((identity) => ({
      ...untouched(words, podA, otherNode, query(40_000), leaving(podA)),
      change: (world: World) => {
        masqueraded(world);
        world.ipcache(words.ip(otherNode), { identity });
      },
    })),
  },
]);
