// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomNumbers } from "../core/testing.ts";
import { type PolicyMapPort, type PolicyPeers, type PortList, portList, withAnybody } from "../datapath/index.ts";
import { difference, entryCount, onlyAdds, type PeerChanges, samePeers, sumAfter, sumOf } from "./policy-peers.ts";

const prefixes = [
  { protocol: 0, port: 0, portPrefix: 0 },
  { protocol: 6, port: 0, portPrefix: 0 },
  { protocol: 6, port: 80, portPrefix: 12 },
  { protocol: 6, port: 80, portPrefix: 16 },
];
const packets = [
  { protocol: 6, port: 80 },
  { protocol: 6, port: 81 },
  { protocol: 6, port: 443 },
  { protocol: 17, port: 53 },
];
const named = [0, 300, 301, 302];
/** Nobody names it. */
const stranger = 999;

function dice(seed: number): (sides: number) => number {
  const random = randomNumbers(seed);
  return (sides) => Math.floor(random() * sides);
}

function randomList(roll: (sides: number) => number): PortList {
  const plain = { proxyPort: 0, authType: 0 } as const;
  return portList(
    prefixes
      .filter(() => roll(3) === 0)
      .map((prefix) => ({ ...prefix, ...plain, verdict: roll(4) === 0 ? "deny" : "allow", cookie: 16 + roll(2) })),
  );
}

function randomPeers(roll: (sides: number) => number): Map<number, PortList> {
  const lists = named.filter(() => roll(3) > 0).map((identity) => [identity, randomList(roll)] as const);
  return new Map(lists.filter(([, { entries }]) => entries.length > 0));
}

/** The entry that decides about a packet of a peer. */
function answer(peers: PolicyPeers, identity: number, packet: (typeof packets)[number]): PolicyMapPort | undefined {
  const own = identity === 0 ? undefined : peers.get(identity);
  const list = own === undefined ? peers.get(0) : withAnybody(own, peers.get(0));
  const covering = (list?.entries ?? []).filter(
    ({ protocol, port, portPrefix }) =>
      protocol === 0 ||
      (protocol === packet.protocol && port >> (16 - portPrefix) === packet.port >> (16 - portPrefix)),
  );
  const width = ({ protocol, portPrefix }: PolicyMapPort) => (protocol === 0 ? -1 : portPrefix);
  return covering.toSorted((a, b) => width(b) - width(a))[0];
}

function applied(peers: PolicyPeers, changes: PeerChanges): Map<number, PortList> {
  const after = new Map(peers);
  for (const [identity, list] of changes) {
    if (list === undefined) after.delete(identity);
    else after.set(identity, list);
  }
  return after;
}

test("changes lead from one to the other, and the sum follows them", () => {
  const roll = dice(3);
  for (let round = 0; round < 500; round++) {
    const [from, to] = [randomPeers(roll), randomPeers(roll)];
    const changes = difference(from, to);
    assert.ok(samePeers(applied(from, changes), to));
    assert.equal(sumAfter(sumOf(from), from, changes), sumOf(to));
    assert.equal(samePeers(from, to), changes.size === 0);
    assert.equal(sumOf(new Map([...to].reverse())), sumOf(to));
    assert.equal(entryCount(to), [...to.values()].flatMap(({ entries }) => entries).length);
  }
});

test("onlyAdds() never says so of a change by which anybody loses anything that was allowed", () => {
  const roll = dice(5);
  let added = 0;
  for (let round = 0; round < 4000; round++) {
    const from = randomPeers(roll);
    const to = roll(2) === 0 ? randomPeers(roll) : applied(from, new Map([[named[roll(4)] ?? 0, randomList(roll)]]));
    const changes = difference(from, to);
    if (!onlyAdds(from, changes)) continue;
    if (changes.size > 0) added++;
    for (const identity of [...named, stranger]) {
      for (const packet of packets) {
        if (answer(from, identity, packet)?.verdict !== "allow") continue;
        const after = answer(to, identity, packet);
        assert.equal(after?.verdict, "allow", `${identity} ${packet.protocol}/${packet.port} in round ${round}`);
      }
    }
  }
  assert.ok(added > 50, `too few changes that only add: ${added}`);
});
