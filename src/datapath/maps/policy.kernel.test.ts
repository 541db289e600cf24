// SPDX-License-Identifier: Apache-2.0
// Policy sets over real maps.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { POLICY_ENTRY_SIZE, POLICY_PEER_KEY_SIZE, POLICY_PEER_SIZE, POLICY_PORT_KEY_SIZE } from "../../abi/index.ts";
import { BpfMap } from "../../kernel/index.ts";
import { createPolicyMap } from "./policy.ts";
import { portRangeToPrefixes } from "./port-prefixes.ts";
import type { PolicyMap, PolicyMapEntry } from "./types.ts";

const BPF_F_NO_PREALLOC = 1;

interface Maps {
  readonly peers: BpfMap;
  readonly ports: BpfMap;
  readonly policy: PolicyMap;
}

function newMaps(t: TestContext, maxEntries = 1000): Maps {
  const make = (name: string, keySize: number, valueSize: number, flags = 0) => {
    const map = BpfMap.create({ type: "hash", keySize, valueSize, maxEntries, flags, name });
    t.after(() => map.close());
    return map;
  };
  const peers = make("cilium_policy_v2_peers", POLICY_PEER_KEY_SIZE, POLICY_PEER_SIZE);
  const ports = make("cilium_policy_v2_ports", POLICY_PORT_KEY_SIZE, POLICY_ENTRY_SIZE, BPF_F_NO_PREALLOC);
  return { peers, ports, policy: createPolicyMap(peers, ports) };
}

function entry(change: Partial<PolicyMapEntry> = {}): PolicyMapEntry {
  return {
    ...{ identity: 4711, direction: "ingress", protocol: 6, port: 80, portPrefix: 16 },
    ...{ verdict: "allow", cookie: 1, proxyPort: 0, authType: 0 },
    ...change,
  };
}

const count = (map: BpfMap) => [...map.keys()].length;

function sorted(rows: readonly PolicyMapEntry[]): string[] {
  return rows.map((row) => JSON.stringify(Object.entries(row).sort())).sort();
}

test("policy sets are written, changed, listed and deleted one by one", (t) => {
  const { policy, peers, ports } = newMaps(t);
  const ranges = portRangeToPrefixes(8000, 8009).map(({ port, length }) => entry({ port, portPrefix: length }));
  const wide = entry({ identity: 5, protocol: 0, port: 0, portPrefix: 0 });
  policy.writeSet(1, [entry(), ...ranges, wide]);
  policy.writeSet(2, [entry({ verdict: "deny", direction: "egress" })]);
  assert.deepEqual(policy.sets(), [1, 2]);
  const other = createPolicyMap(peers, ports);
  assert.deepEqual(sorted(other.list(1)), sorted([entry(), ...ranges, wide].map((row) => ({ ...row, set: 1 }))));
  assert.deepEqual(other.list(2), [{ ...entry({ verdict: "deny", direction: "egress" }), set: 2 }]);
  policy.writeSet(1, [entry({ cookie: 9 })]);
  assert.deepEqual(policy.list(1), [{ ...entry({ cookie: 9 }), set: 1 }]);
  assert.equal(policy.deleteSet(1), 1);
  assert.deepEqual(policy.sets(), [2]);
  assert.throws(() => policy.writeSet(3, [entry(), entry({ direction: "egress" })]), { message: /of one direction/ });
});

test("peers with the same ports share one list, in all sets; it goes when nobody asks it any more", (t) => {
  const { policy, peers, ports } = newMaps(t);
  for (const set of [1, 2]) {
    policy.writeSet(
      set,
      [300, 301, 302].flatMap((identity) => [entry({ identity }), entry({ identity, port: 443 })]),
    );
  }
  assert.deepEqual([count(peers), count(ports)], [6, 2]);
  policy.retireSet(1);
  assert.equal(policy.collect(), true);
  assert.equal(count(peers), 6, "programs may be reading it");
  assert.equal(policy.collect(), false);
  assert.deepEqual([count(peers), count(ports)], [3, 2]);
  policy.deleteSet(2);
  assert.equal(count(ports), 2, "programs may be reading it");
  policy.collect();
  policy.collect();
  assert.deepEqual([count(peers), count(ports)], [0, 0]);
  assert.deepEqual(
    policy.usage().map(({ entries }) => entries),
    [0, 0],
  );
});

test("what a set says about anybody holds for named peers too, and is listed once", (t) => {
  const { policy, ports } = newMaps(t);
  const rows = [entry(), entry({ identity: 0, port: 443, cookie: 2 })];
  policy.writeSet(1, rows);
  assert.equal(count(ports), 3);
  assert.deepEqual(sorted(policy.list()), sorted(rows.map((row) => ({ ...row, set: 1 }))));
  policy.writeSet(1, [entry(), entry({ identity: 0, port: 80, verdict: "deny" })]);
  policy.collect();
  policy.collect();
  assert.equal(count(ports), 2, "the named peer's own entry comes first");
});

test("a full map says which and how large, and the sets are as they were", (t) => {
  const { policy, peers, ports } = newMaps(t, 16);
  policy.writeSet(1, [entry(), entry({ identity: 0, port: 443 })]);
  const before = sorted(policy.list());
  const many = Array.from({ length: 17 }, (_, n) => entry({ identity: n + 256 }));
  assert.throws(() => policy.writeSet(2, many), { message: /cilium_policy_v2_peers.*E2BIG.*16 entries/ });
  const long = Array.from({ length: 17 }, (_, n) => entry({ port: n + 1 }));
  assert.throws(() => policy.writeSet(3, long), { message: /cilium_policy_v2_ports.*E2BIG.*16 entries/ });
  assert.throws(() => policy.writeSet(1, [entry({ verdict: "deny" }), ...many]), { message: /cilium_policy_v2_peers/ });
  assert.throws(() => policy.writeSet(0, [entry()]), { message: /set 0 is not/ });
  assert.deepEqual(sorted(policy.list()), before);
  assert.deepEqual(sorted(createPolicyMap(peers, ports).list()), before);
  policy.collect();
  policy.collect();
  assert.deepEqual(
    policy.usage().map(({ entries }) => entries),
    [count(peers), count(ports)],
  );
  policy.writeSet(2, [entry()]);
});

test("a writer takes over what an earlier run left, also lists that nobody asks", (t) => {
  const { policy, peers, ports } = newMaps(t);
  policy.writeSet(7, [entry(), entry({ identity: 0, port: 443 })]);
  policy.writeSet(8, [entry({ port: 81 })]);
  policy.deleteSet(8);
  const next = createPolicyMap(peers, ports);
  assert.deepEqual(next.sets(), [7]);
  const before = count(ports);
  next.writeSet(9, [entry(), entry({ identity: 0, port: 443 })]);
  assert.equal(count(ports), before, "equal lists are shared with those of the earlier run");
  assert.equal(next.peers(7).get(4711)?.text, next.peers(9).get(4711)?.text);
  next.collect();
  next.collect();
  assert.equal(count(ports), before - 1);
  assert.equal(next.deleteSet(7), 2);
});

test("a list that is asked again before it went stays", (t) => {
  const { policy, ports } = newMaps(t);
  policy.writeSet(1, [entry()]);
  policy.writeSet(1, [entry({ port: 81 })]);
  policy.collect();
  policy.writeSet(1, [entry()]);
  assert.equal(policy.collect(), true);
  assert.equal(policy.collect(), false);
  assert.equal(count(ports), 1);
  assert.deepEqual(policy.list(), [{ ...entry(), set: 1 }]);
});
