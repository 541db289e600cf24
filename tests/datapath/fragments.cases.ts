// SPDX-License-Identifier: Apache-2.0
// Fragments: the later ones follow the verdict of their first.
import assert from "node:assert/strict";
import { DropReason, Noteworthy } from "../../src/abi/index.ts";
import { bothFamilies, type Case, fromA, fromB, received, type Step, sent, Verdict } from "./case.ts";
import { echo, type IpOptions, icmpError, type Payload, part, TcpFlag, tcp, udp } from "./packet.ts";
import { all, expire, ingress } from "./rules.ts";
import { podA, podB } from "./world.ts";

const data = Uint8Array.from({ length: 64 }, (_, index) => index);
const datagram = udp({ sport: 5000, dport: 53, data });
const dns = { protocol: 17, port: 53 } as const;

/** Fragment header fields: bytes `offset`.. of datagram 7. */
function piece(offset: number, moreFragments: boolean, id = 7): Partial<IpOptions> {
  return { id, fragmentOffset: offset, moreFragments };
}

export const fragmentCases: readonly Case[] = [
  ...bothFamilies((words) => {
    const first = (payload: Payload, id = 7) => sent(words, podA, podB, part(payload, 0, 24), piece(0, true, id));
    const later = (payload: Payload, id = 7) => sent(words, podA, podB, part(payload, 24), piece(24, false, id));
    const pass = (send: Uint8Array, more: Partial<Step> = {}): Step => ({
      send,
      into: fromA,
      verdict: Verdict.REDIRECT,
      ...more,
    });
    const drop = (send: Uint8Array, reason: number, more: Partial<Step> = {}): Step => ({
      send,
      into: fromA,
      drop: reason,
      ...more,
    });
    return [
      {
        name: "delivers the fragments of an allowed datagram",
        steps: [
          pass(first(datagram), { change: ingress(podB, dns) }),
          pass(later(datagram), {
            packet: received(words, podA, podB, part(datagram, 24), piece(24, false)),
            silent: ["verdict"],
            check: (world) => {
              const flow = world.flows().find(({ rxPackets }) => rxPackets > 0n);
              assert.equal(flow?.rxPackets, 2n);
              assert.equal(world.flows().length, 2);
              const counted = world.metrics().filter(({ reason }) => reason === Noteworthy.REASON_FRAGMENT);
              // Two fragments, out of one pod and into the other.
              assert.deepEqual(
                counted.map(({ packets }) => packets),
                [2, 2],
              );
            },
          }),
        ],
      },
      {
        name: "delivers the fragments of an echo request and of its reply",
        steps: [
          pass(first(echo(words.family, "request", 9, data)), {
            change: all(ingress(podB, { protocol: words.icmp, port: words.echoRequest }), ingress(podA)),
          }),
          pass(later(echo(words.family, "request", 9, data))),
          ...[
            sent(words, podB, podA, part(echo(words.family, "reply", 9, data), 0, 24), piece(0, true)),
            sent(words, podB, podA, part(echo(words.family, "reply", 9, data), 24), piece(24, false)),
          ].map((send) => ({ send, into: fromB, verdict: Verdict.REDIRECT })),
        ],
      },
      {
        name: "asks policy about a later fragment of an echo request by its first one's type",
        steps: [
          pass(first(echo(words.family, "request", 9, data)), {
            change: ingress(podB, { protocol: words.icmp, port: words.echoRequest }),
          }),
          pass(later(echo(words.family, "request", 9, data)), {
            change: expire,
            events: [{ kind: "verdict", destinationPort: words.echoRequest, verdict: 0 }],
          }),
        ],
      },
      {
        name: "threats: drops the later fragments of a denied datagram",
        steps: [
          drop(first(datagram), DropReason.DROP_POLICY, { change: ingress(podB, { protocol: 17, port: 54 }) }),
          drop(later(datagram), DropReason.DROP_POLICY),
        ],
      },
      {
        name: "threats: drops a fragment whose first one was not seen, or was of another datagram",
        steps: [
          drop(later(datagram), DropReason.DROP_FRAGMENT_NOT_FOUND),
          pass(first(datagram)),
          drop(later(datagram, 8), DropReason.DROP_FRAGMENT_NOT_FOUND),
          drop(later(tcp({ sport: 5000, dport: 53, data })), DropReason.DROP_FRAGMENT_NOT_FOUND),
          pass(later(datagram)),
        ],
      },
      {
        name: "threats: drops first fragments that are too short for their header",
        steps: [
          drop(
            sent(words, podA, podB, part(tcp({ sport: 1, dport: 80, data }), 0, 8), piece(0, true)),
            DropReason.DROP_CT_INVALID_HEADER,
          ),
          drop(
            sent(words, podA, podB, part(tcp({ sport: 1, dport: 80, data }), 0, 16), piece(0, true)),
            DropReason.DROP_CT_INVALID_HEADER,
          ),
          drop(sent(words, podA, podB, part(datagram, 0, 4), piece(0, true)), DropReason.DROP_CT_INVALID_HEADER),
        ],
      },
      {
        name: "threats: drops later fragments that reach into the TCP header",
        steps: [
          pass(first(tcp({ sport: 1, dport: 80, flags: TcpFlag.SYN, data }))),
          ...[8, 16].map((offset) =>
            drop(
              sent(words, podA, podB, part(tcp({ sport: 1, dport: 22, data }), offset), piece(offset, false)),
              DropReason.DROP_CT_INVALID_HEADER,
            ),
          ),
        ],
      },
      {
        name: "threats: remembers no ports for a datagram with another pod's address",
        steps: [
          drop(
            sent(words, podA, podB, part(datagram, 0, 24), {
              ...piece(0, true),
              source: words.ip({ ipv4: "10.1.0.99", ipv6: "fd00:10:1::99" }),
            }),
            DropReason.DROP_INVALID_SIP,
            {
              check: (world) => {
                const records = ["cilium_ipv4_frag_datagrams", "cilium_ipv6_frag_datagrams"].flatMap((map) => [
                  ...world.map(map).keys(),
                ]);
                assert.equal(records.length, 0);
              },
            },
          ),
        ],
      },
      {
        name: "drops fragmented ICMP errors",
        steps: [
          drop(
            sent(words, podA, podB, part(icmpError(words.family, words.unreachable, 1, data), 0, 24), piece(0, true)),
            DropReason.DROP_FRAGMENT_UNSUPPORTED,
          ),
        ],
      },
    ];
  }),
  {
    name: "takes an IPv6 packet with a fragment header that is whole for what it is",
    steps: [
      {
        send: sent(ipv6Words(), podA, podB, datagram, { id: 7 }),
        into: fromA,
        verdict: Verdict.REDIRECT,
        packet: received(ipv6Words(), podA, podB, datagram, { id: 7 }),
        check: (world) => assert.equal([...world.map("cilium_ipv6_frag_datagrams").keys()].length, 0),
      },
    ],
  },
];

function ipv6Words(): Parameters<typeof sent>[0] {
  let found: Parameters<typeof sent>[0] | undefined;
  bothFamilies((words) => {
    if (words.family === 6) found = words;
    return [];
  });
  if (found === undefined) throw new Error("Cannot find IPv6");
  return found;
}
