// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicyMap, PolicyMapEntry, PolicyMapRow } from "../datapath/index.ts";
import { PolicySets } from "./policy-sets.ts";

const allow = (identity: number, port: number, cookie = 1): PolicyMapEntry => ({
  direction: "ingress",
  identity,
  protocol: 6,
  port,
  portPrefix: 16,
  verdict: "allow",
  cookie,
  proxyPort: 0,
  authType: 0,
});

/** The map in memory; `capacity` bounds its entries. */
class MemoryPolicyMap implements PolicyMap {
  rows: PolicyMapRow[] = [];
  capacity = 100;

  writeSet(set: number, entries: readonly PolicyMapEntry[]): void {
    this.deleteSet(set);
    for (const entry of entries) {
      if (this.rows.length >= this.capacity) throw new Error("Cannot write policy set: E2BIG");
      this.rows.push({ ...entry, set });
    }
  }
  addEntries(set: number, entries: readonly PolicyMapEntry[]): void {
    this.rows.push(...entries.map((entry) => ({ ...entry, set })));
  }
  removeEntries(): number {
    return 0;
  }
  deleteSet(set: number): number {
    const before = this.rows.length;
    this.rows = this.rows.filter((row) => row.set !== set);
    return before - this.rows.length;
  }
  list(set?: number): PolicyMapRow[] {
    return this.rows.filter((row) => set === undefined || row.set === set);
  }
  sets(): number[] {
    return [...new Set(this.rows.map((row) => row.set))].sort((a, b) => a - b);
  }
}

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
