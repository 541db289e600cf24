// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { PolicySets } from "./policy-sets.ts";
import { allow, MemoryPolicyMap } from "./testing.ts";

test("PolicySets shares a set among equal policies, in whatever order their entries come", () => {
  const map = new MemoryPolicyMap();
  const sets = new PolicySets(() => map);
  const first = sets.acquire([allow(300, 80), allow(301, 80)]);
  assert.equal(sets.acquire([allow(301, 80), allow(300, 80)]), first);
  assert.equal(map.rows.length, 2);
  sets.release(first);
  assert.equal(map.rows.length, 2);
  sets.release(first);
  assert.equal(map.rows.length, 0);
});

test("PolicySets never writes into a set that is in use, and never uses a number twice", () => {
  const map = new MemoryPolicyMap();
  const sets = new PolicySets(() => map);
  const first = sets.acquire([allow(300, 80)]);
  const second = sets.acquire([allow(300, 81)]);
  assert.notEqual(first, second);
  sets.release(second);
  assert.notEqual(sets.acquire([allow(300, 81)]), second);
});

test("PolicySets takes over the sets of an earlier run and prunes the ones nobody wants", () => {
  const map = new MemoryPolicyMap();
  map.writeSet(7, [allow(300, 80)]);
  map.writeSet(9, [allow(301, 80)]);
  const sets = new PolicySets(() => map);
  sets.load();
  assert.equal(sets.acquire([allow(300, 80)]), 7);
  assert.equal(sets.prune(), 1);
  assert.deepEqual(map.sets(), [7]);
  assert.equal(sets.acquire([allow(302, 80)]), 10);
});

test("threats: PolicySets leaves nothing of a set that did not fit, and tells", () => {
  const map = new MemoryPolicyMap();
  map.capacity = 2;
  const sets = new PolicySets(() => map);
  const first = sets.acquire([allow(300, 80)]);
  assert.throws(() => sets.acquire([allow(301, 80), allow(302, 80)]), /E2BIG/);
  assert.deepEqual(map.sets(), [first]);
});

test("PolicySets takes over a set without entries that a slot names", () => {
  const map = new MemoryPolicyMap();
  const sets = new PolicySets(() => map);
  sets.load();
  sets.adopt(5);
  assert.equal(sets.acquire([]), 5);
  assert.equal(sets.acquire([allow(300, 80)]), 6);
});

test("PolicySets keeps an adopted set until each slot that names it has given it back", () => {
  const map = new MemoryPolicyMap();
  map.writeSet(7, [allow(300, 80)]);
  const sets = new PolicySets(() => map);
  sets.load();
  sets.adopt(7);
  sets.adopt(7);
  sets.release(7);
  assert.equal(sets.prune(), 0);
  assert.deepEqual(map.sets(), [7]);
  sets.release(7);
  assert.deepEqual(map.sets(), []);
});

test("PolicySets does not hand out a set whose removal failed, and removes it with the next prune", () => {
  let refused = false;
  const map = new MemoryPolicyMap((write) => {
    if (refused && write.startsWith("policy delete")) throw new Error("EIO");
  });
  const sets = new PolicySets(() => map);
  const first = sets.acquire([allow(300, 80)]);
  refused = true;
  sets.release(first);
  refused = false;
  assert.notEqual(sets.acquire([allow(300, 80)]), first);
  assert.equal(sets.prune(), 1);
  assert.ok(!map.sets().includes(first));
});

const emptyMap = new MemoryPolicyMap();

test("onlyAdds() is true only when nothing was taken away, changed or denied", () => {
  const sets = new PolicySets(() => emptyMap);
  const small = sets.acquire([allow(300, 80)]);
  const large = sets.acquire([allow(300, 80), allow(301, 80)]);
  const renamed = sets.acquire([allow(300, 80, 2), allow(301, 80)]);
  const denying = sets.acquire([allow(300, 80), { ...allow(301, 80), verdict: "deny" }]);
  assert.ok(sets.onlyAdds(small, large));
  assert.ok(sets.onlyAdds(small, small));
  assert.ok(!sets.onlyAdds(large, small));
  assert.ok(!sets.onlyAdds(small, renamed));
  assert.ok(!sets.onlyAdds(small, denying));
});
