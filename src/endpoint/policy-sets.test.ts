// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyMapEntry } from "../datapath/index.ts";
import { PolicySets } from "./policy-sets.ts";
import { allow, FollowingPeers, MemoryPolicyMap, peerPorts } from "./testing.ts";

/** A set for a policy of these ingress entries. */
function acquire(sets: PolicySets, entries: readonly PolicyMapEntry[], leaving?: number): number {
  return sets.acquire("ingress", peerPorts(entries), leaving);
}

test("PolicySets shares a set among equal policies, in whatever order their entries come", () => {
  const map = new MemoryPolicyMap();
  const sets = new PolicySets(() => map);
  const first = acquire(sets, [allow(300, 80), allow(301, 80)]);
  assert.equal(acquire(sets, [allow(301, 80), allow(300, 80)]), first);
  assert.equal(map.rows.length, 2);
  sets.release(first);
  sets.collect();
  sets.collect();
  assert.equal(map.rows.length, 2);
  sets.release(first);
  sets.collect();
  assert.equal(map.rows.length, 2, "a program may be reading it");
  sets.collect();
  assert.equal(map.rows.length, 0);
});

test("PolicySets writes into no set that others use, and never uses a number twice", () => {
  const map = new MemoryPolicyMap();
  const sets = new PolicySets(() => map);
  const first = acquire(sets, [allow(300, 80)]);
  const second = acquire(sets, [allow(300, 81)]);
  assert.notEqual(first, second);
  sets.release(second);
  assert.notEqual(acquire(sets, [allow(300, 81)]), second);
});

test("PolicySets changes a set in place where all its users leave it for one policy", () => {
  const map = new MemoryPolicyMap();
  const losing: number[] = [];
  const sets = new PolicySets(
    () => map,
    (set) => void losing.push(set),
  );
  const first = acquire(sets, [allow(300, 80)]);
  assert.equal(acquire(sets, [allow(300, 80), allow(301, 80)], first), first);
  assert.deepEqual([losing, sets.losses(first)], [[], 0]);
  assert.equal(acquire(sets, [allow(301, 80)], first), first);
  assert.deepEqual([losing, sets.losses(first)], [[first], 1]);
  assert.deepEqual(
    map.rows.map(({ identity }) => identity),
    [301],
  );
  assert.equal(acquire(sets, [allow(301, 80)]), first, "found by what it says now");
  assert.notEqual(acquire(sets, [allow(300, 80)]), first);
});

test("PolicySets follows a policy by what changed alone, and writes a new set for who may not take the old one along", () => {
  const writes: string[] = [];
  const map = new MemoryPolicyMap((write) => void writes.push(write));
  const sets = new PolicySets(() => map);
  const policy = new FollowingPeers([allow(300, 80)]);
  const first = sets.acquire("ingress", policy);
  assert.equal(sets.acquire("ingress", policy), first);
  policy.set(301, [allow(301, 80)]);
  assert.equal(sets.acquire("ingress", policy, first), first);
  policy.set(300, []);
  const second = sets.acquire("ingress", policy);
  assert.notEqual(second, first);
  assert.deepEqual(map.list(second), [{ ...allow(301, 80), set: second }]);
  assert.deepEqual(writes, [`policy write ${first}`, `policy change ${first}`, `policy write ${second}`]);
  policy.forget();
  policy.set(302, [allow(302, 80)]);
  assert.equal(sets.acquire("ingress", policy, second), second);
  assert.deepEqual(map.list(second).length, 2);
});

test("PolicySets takes over the sets of an earlier run and prunes the ones nobody wants", () => {
  const map = new MemoryPolicyMap();
  map.writeSet(7, [allow(300, 80)]);
  map.writeSet(9, [allow(301, 80)]);
  const sets = new PolicySets(() => map);
  sets.load();
  assert.equal(acquire(sets, [allow(300, 80)]), 7);
  assert.equal(sets.prune(), 1);
  assert.deepEqual(map.sets(), [7]);
  assert.equal(acquire(sets, [allow(302, 80)]), 10);
});

test("threats: PolicySets leaves nothing of a set that did not fit, and tells", () => {
  const map = new MemoryPolicyMap();
  map.capacity = 2;
  const sets = new PolicySets(() => map);
  const first = acquire(sets, [allow(300, 80)]);
  assert.throws(() => acquire(sets, [allow(301, 80), allow(302, 80)]), /E2BIG/);
  assert.deepEqual(map.sets(), [first]);
});

test("PolicySets takes over a set without entries that a slot names", () => {
  const map = new MemoryPolicyMap();
  const sets = new PolicySets(() => map);
  sets.load();
  sets.adopt(5, "ingress");
  assert.equal(acquire(sets, []), 5);
  assert.equal(acquire(sets, [allow(300, 80)]), 6);
});

test("PolicySets keeps an adopted set until each slot that names it has given it back", () => {
  const map = new MemoryPolicyMap();
  map.writeSet(7, [allow(300, 80)]);
  const sets = new PolicySets(() => map);
  sets.load();
  sets.adopt(7, "ingress");
  sets.adopt(7, "ingress");
  sets.release(7);
  assert.equal(sets.prune(), 0);
  assert.deepEqual(map.sets(), [7]);
  sets.release(7);
  sets.collect();
  sets.collect();
  assert.deepEqual(map.sets(), []);
});

test("PolicySets does not hand out a set that is on its way out, and tries again when its removal failed", () => {
  let refused = false;
  const map = new MemoryPolicyMap((write) => {
    if (refused && write.startsWith("policy delete")) throw new Error("EIO");
  });
  const sets = new PolicySets(() => map);
  const first = acquire(sets, [allow(300, 80)]);
  sets.release(first);
  assert.notEqual(acquire(sets, [allow(300, 80)]), first);
  sets.collect();
  refused = true;
  assert.equal(sets.collect(), true);
  refused = false;
  sets.collect();
  assert.ok(!map.sets().includes(first));
});

test("threats: a change that does not fit leaves the set as it was", () => {
  const map = new MemoryPolicyMap();
  map.capacity = 2;
  const sets = new PolicySets(() => map);
  const policy = new FollowingPeers([allow(300, 80)]);
  const first = sets.acquire("ingress", policy);
  policy.set(301, [allow(301, 80), allow(301, 81)]);
  assert.throws(() => sets.acquire("ingress", policy, first), /E2BIG/);
  assert.deepEqual(map.list(), [{ ...allow(300, 80), set: first }]);
  map.capacity = 3;
  assert.equal(sets.acquire("ingress", policy, first), first);
  assert.equal(map.rows.length, 3);
});

test("onlyAdds() is true only when nothing was taken away, changed or denied", () => {
  const map = new MemoryPolicyMap();
  const sets = new PolicySets(() => map);
  const small = acquire(sets, [allow(300, 80)]);
  const large = acquire(sets, [allow(300, 80), allow(301, 80)]);
  const renamed = acquire(sets, [allow(300, 80, 2), allow(301, 80)]);
  const denying = acquire(sets, [allow(300, 80), { ...allow(301, 80), verdict: "deny" }]);
  assert.ok(sets.onlyAdds(small, large));
  assert.ok(sets.onlyAdds(small, small));
  assert.ok(!sets.onlyAdds(large, small));
  assert.ok(!sets.onlyAdds(small, renamed));
  assert.ok(!sets.onlyAdds(small, denying));
});
