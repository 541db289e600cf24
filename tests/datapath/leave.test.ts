// SPDX-License-Identifier: Apache-2.0
// Pods' packets that leave past the stack, in a namespace that has a way out: what the pod's own program makes of them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createAnonymousNetns, type Fd, Rtnetlink, withNetns, writeSysctl } from "../../src/kernel/index.ts";
import { bothFamilies, type Case, type FamilyWords, type Step, sent, Verdict } from "./case.ts";
import { answers, first, get, got, leaves } from "./masquerade-steps.ts";
import { ipFrame, TcpFlag } from "./packet.ts";
import { runCase } from "./run.ts";
import { forgetTranslations, giveAddresses, node, ownTranslations, translations } from "./translations.ts";
import { internet, podA, podB, World } from "./world.ts";

const { SYN, ACK, RST } = TcpFlag;
/** enum ct_flags. */
const CLOSING = 2 | 4 | 32;
/** MARK_TRANSLATED of bpf/lib/mark.h. */
const TRANSLATED = 0x300;

let world: World;
let netns: Fd;
let eth0 = 0;

before(() => {
  const variables = { enable_ipv4_masquerade: 1, enable_ipv6_masquerade: 1, enable_host_routing: 1 };
  world = new World({ tunnelPort: 8472, variables });
  netns = createAnonymousNetns();
  using rtnl = new Rtnetlink({ netns });
  withNetns(netns, () => {
    for (const family of ["ipv4", "ipv6"]) writeSysctl(`net.${family}.conf.all.forwarding`, "1");
  });
  eth0 = rtnl.createVeth({ name: "eth0", peer: { name: "wire" } }).ifindex;
  for (const name of ["lo", "eth0", "wire"]) rtnl.setLink(name, { up: true });
  // Next hops whose MAC addresses nobody knows: packets keep theirs, whether or not the routing table was asked for them.
  for (const [address, prefixLength, destination, gateway] of [
    [node.ipv4, 24, "0.0.0.0/0", "172.31.240.254"],
    [node.ipv6, 64, "::/0", "fd00:31:240::fe"],
  ] as const) {
    rtnl.addAddress({ ifindex: eth0, address, prefixLength });
    rtnl.replaceRoute({ destination, gateway, ifindex: eth0 });
  }
});
after(() => {
  netns.close();
  world[Symbol.dispose]();
});

/** It goes to the next hop with the pod's address still, for cil_to_netdev to find it another one. */
const goes = (words: FamilyWords, flags: number): Step => ({
  send: sent(words, podA, internet, get(flags)(40_000)),
  into: { at: "from-pod", pod: podA },
  verdict: Verdict.REDIRECT,
  packet: sent(words, podA, internet, get(flags)(40_000), { ttl: 63 }),
  mark: 0,
});

/** It goes to the next hop as the node's. */
const goesTranslated = (words: FamilyWords, flags: number, as = 40_000): Step => ({
  ...goes(words, flags),
  packet: ipFrame(
    { source: podA.mac, destination: podA.nodeMac },
    { source: words.ip(node), destination: words.ip(internet), ttl: 63 },
    get(flags)(as),
  ),
  mark: TRANSLATED,
});

const withWay = (step: Step): Step => ({
  ...first(step),
  change: (packets: World) => {
    first(step).change?.(packets);
    giveAddresses(packets, node, eth0);
  },
});

function answersEntry(packets: World) {
  const [entry, ...others] = translations(packets);
  assert.ok(entry !== undefined && others.length === 0, `${others.length + 1} entries`);
  return entry;
}

const cases: readonly Case[] = bothFamilies((words) => [
  {
    name: "translates a known flow's packets where they leave the pod, and tells the entry for its answers",
    steps: [
      withWay(goes(words, SYN)),
      { ...leaves(words, podA, get(SYN), 40_000), check: (packets) => assert.equal(answersEntry(packets).endpoint, 0) },
      answers(words, podA, got(SYN | ACK), 40_000),
      {
        ...goesTranslated(words, ACK),
        check: (packets) => assert.equal(answersEntry(packets).endpoint, podA.id),
      },
      answers(words, podA, got(ACK), 40_000),
      {
        ...goesTranslated(words, RST),
        check: (packets) => assert.notEqual(answersEntry(packets).flags & CLOSING, 0),
      },
      // Opened again.
      {
        ...goesTranslated(words, SYN),
        check: (packets) => assert.equal(answersEntry(packets).flags & CLOSING, 0),
      },
      answers(words, podA, got(SYN | ACK), 40_000),
    ],
  },
  {
    name: "puts a known flow's entry for answers back where the packet leaves the pod",
    steps: [
      withWay(goes(words, SYN)),
      leaves(words, podA, get(SYN), 40_000),
      { ...goesTranslated(words, ACK), change: (packets) => forgetTranslations(packets, () => true) },
      {
        ...answers(words, podA, got(ACK), 40_000),
        check: (packets) => assert.equal(answersEntry(packets).endpoint, podA.id),
      },
    ],
  },
  {
    name: "leaves a flow that has lost its port to the device's program",
    steps: [
      withWay(goes(words, SYN)),
      leaves(words, podA, get(SYN), 40_000),
      {
        ...leaves(words, podB, get(SYN), 40_000),
        change: (packets) => forgetTranslations(packets, () => true),
      },
      goes(words, RST),
      answers(words, podB, got(SYN | ACK), 40_000),
    ],
  },
  {
    name: "threats: brings answers to who has the address, whichever endpoint their entry names",
    steps: [
      withWay(goes(words, SYN)),
      leaves(words, podA, get(SYN), 40_000),
      goesTranslated(words, ACK),
      ...[podB.id, 4711, 65_535].map(
        (endpoint): Step => ({
          ...answers(words, podA, got(ACK), 40_000),
          change: (packets) => ownTranslations(packets, endpoint),
        }),
      ),
    ],
  },
]);

for (const each of cases) test(each.name, () => withNetns(netns, () => runCase(world, each)));
