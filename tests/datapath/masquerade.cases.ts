// SPDX-License-Identifier: Apache-2.0
// Masquerading: what pods send to the world, its answers, errors and fragments, and the node's own flows beside them.
import assert from "node:assert/strict";
import { DropReason } from "../../src/abi/index.ts";
import { bothFamilies, type Case, type FamilyWords, type Hook, received, type Step, Verdict } from "./case.ts";
import {
  echo,
  type IpOptions,
  icmpError,
  ipFrame,
  ipv4,
  ipv6,
  type Payload,
  part,
  sctp,
  TcpFlag,
  tcp,
  udp,
} from "./packet.ts";
import { type Addresses, internet, otherNode, type Pod, podA, podB, podC, type World } from "./world.ts";

const { SYN, ACK, FIN } = TcpFlag;

/** The address that the device of the test runs (loopback) gives. */
export const node = { ipv4: "172.31.240.1", ipv6: "fd00:31:240::1" } as const;
/** In a prefix that is excluded. */
const office = { ipv4: "203.0.113.9", ipv6: "2001:db8:113::9" } as const;
const group = { ipv4: "224.0.0.5", ipv6: "ff02::5" } as const;
const secondServer = { ipv4: "192.0.2.81", ipv6: "2001:db8::81" } as const;

const leaving = (pod?: Pod): Hook => ({ at: "to-netdev", ...(pod && { ingressIfindex: pod.ifindex }) });
const coming: Hook = { at: "from-netdev" };
/** The device of the test runs has this MAC address. */
const ethernet = { source: "02:00:00:00:00:01", destination: "00:00:00:00:00:00" };

type IpRest = Partial<IpOptions>;

function frame(words: FamilyWords, from: Addresses, to: Addresses, payload: Payload, rest: IpRest = {}): Uint8Array {
  return ipFrame(ethernet, { source: words.ip(from), destination: words.ip(to), ...rest }, payload);
}

/** The world of a node that masquerades at the device of the test runs. */
export function masqueraded(world: World): void {
  world.masquerade(node);
  for (const prefix of ["203.0.113.0/24", "2001:db8:113::/48"]) world.exclude(prefix);
}

/** A pod's packet leaves as the node's, with the port `as`. */
function leaves(words: FamilyWords, pod: Pod, make: (port: number) => Payload, port: number, as = port): Step {
  return {
    send: frame(words, pod, internet, make(port)),
    into: leaving(pod),
    verdict: Verdict.NEXT,
    packet: frame(words, node, internet, make(as)),
  };
}

/** An answer to the node's port `as` reaches the pod's port. */
function answers(words: FamilyWords, pod: Pod, make: (port: number) => Payload, port: number, as = port): Step {
  return {
    send: frame(words, internet, node, make(as)),
    into: coming,
    verdict: Verdict.REDIRECT,
    packet: received(words, internet, pod, make(port)),
  };
}

/** It goes on as it came. */
function untouched(words: FamilyWords, from: Addresses, to: Addresses, payload: Payload, into: Hook): Step {
  const send = frame(words, from, to, payload);
  return { send, into, verdict: Verdict.NEXT, packet: send };
}

const get = (flags: number) => (port: number) => tcp({ sport: port, dport: 80, flags });
const got = (flags: number) => (port: number) => tcp({ sport: 80, dport: port, flags });
const query = (port: number) => udp({ sport: port, dport: 53, data: Uint8Array.of(1, 2, 3) });
const reply = (port: number) => udp({ sport: 53, dport: port, data: Uint8Array.of(4, 5, 6, 7) });

/** The first step of a case: what the world is like. */
function first(step: Step): Step {
  return { ...step, change: masqueraded };
}

function quote(words: FamilyWords, from: Addresses, to: Addresses, payload: Payload, length?: number): Uint8Array {
  const ip = { source: words.ip(from), destination: words.ip(to), ttl: 9 };
  const bytes = words.family === 4 ? ipv4(ip, payload) : ipv6(ip, payload);
  return length === undefined ? bytes : bytes.subarray(0, (words.family === 4 ? 20 : 40) + length);
}

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
        check: (world) => assert.ok((world.translatedPort(words.ip(podA), 1234) ?? 0) >= 32_768),
      },
      {
        send: frame(words, podA, internet, query(1234)),
        into: leaving(podA),
        verdict: Verdict.NEXT,
        check: (world) => assert.equal(world.translations().length, 2),
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
        check: (world) => assert.notEqual(world.translatedPort(words.ip(podB), 40_000), 40_000),
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
      { ...untouched(words, podA, internet, query(40_000), leaving(podA)), change: (world) => world.masquerade() },
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
  ...fragmentCases(words),
  ...hostCases(words),
  ...pairCases(words),
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
          check: (world) => assert.notEqual(world.translatedPort(words.ip(podA), 40_000), 40_000),
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
          check: (world) => assert.notEqual(world.translatedPort(words.ip(node), 40_000), 40_000),
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
          check: (world) => assert.equal(world.translations().length, 0),
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
          change: (world) => world.forgetTranslations(isIn),
          check: (world) => assert.equal(world.translations().length, 2),
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
          change: (world) => world.forgetTranslations((row) => !isIn(row)),
          check: (world) => assert.equal(world.translations().length, 2),
        },
      ],
    },
    {
      name: "gives a flow whose port another one has by now a new port, and disturbs that one not",
      steps: [
        first(leaves(words, podA, get(SYN), 40_000)),
        {
          ...leaves(words, podB, get(SYN), 40_000),
          change: (world) => world.forgetTranslations(isIn),
        },
        {
          // SYN|ACK: its flags are new to the entry, so that the other one is looked at.
          send: frame(words, podA, internet, get(FIN | ACK)(40_000)),
          into: leaving(podA),
          verdict: Verdict.NEXT,
          check: (world) => assert.notEqual(world.translatedPort(words.ip(podA), 40_000), 40_000),
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
          change: (world) => world.expireTranslations(),
        },
        leaves(words, podB, get(SYN), 40_000),
        answers(words, podB, got(SYN | ACK), 40_000),
      ],
    },
  ];
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
          const ports = [1, 2, 3, 4].map((port) => world.translatedPort(words.ip(podA), port));
          assert.deepEqual(ports.toSorted(), [40_000, 40_001, 40_002, 40_003]);
          const tries = world.natTries(words.family);
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
