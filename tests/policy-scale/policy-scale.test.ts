// SPDX-License-Identifier: Apache-2.0
// After every kind of change the maps hold exactly what the engine says, and as little as they can.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createEndpointsMap, createPolicyMap, type PolicyMapEntry } from "../../src/datapath/index.ts";
import type { PolicyEntry } from "../../src/policy/index.ts";
import { appLabels, type ClusterSize, firstIdentity, identities, identityOf, policies, policyOf } from "./cluster.ts";
import { measureDecisions } from "./lookups.ts";
import { Rig } from "./rig.ts";

const size: ClusterSize = { namespaces: 4, apps: 5, policies: 5 };

async function smallCluster(capacity?: number): Promise<Rig> {
  const rig = new Rig(capacity);
  await rig.start();
  await rig.addEndpoints(
    Array.from({ length: 12 }, (_, n) => {
      const [namespace, app] = [n % 3, n % 4];
      return { id: identityOf(size, namespace, app), labels: appLabels(namespace, app) };
    }),
  );
  rig.engine.upsertIdentities(identities(size));
  for (const policy of policies(size)) rig.engine.upsertPolicy(policy);
  await rig.timed(() => rig.open());
  return rig;
}

function texts(entries: readonly (PolicyMapEntry | PolicyEntry)[]): string[] {
  const text = ({ identity, direction, protocol, port, portPrefix, verdict, cookie, isDefault }: PolicyMapEntry) =>
    `${direction} ${identity} ${protocol}/${port}/${portPrefix} ${verdict} ${cookie} ${isDefault ?? ""}`;
  return entries.map(text).sort();
}

/** Reads the maps as another process does. */
function check(rig: Rig, when: string): void {
  const maps = createPolicyMap(rig.maps.peers, rig.maps.ports);
  const slots = createEndpointsMap(rig.maps.endpoints);
  const used = new Set<number>();
  for (const { id, identity = 0, labels } of rig.table.all()) {
    const slot = slots.get(id);
    assert.ok(slot !== undefined, `slot ${id}`);
    const policy = rig.engine.resolveEndpoint(labels, identity);
    for (const set of [slot.ingressSet, slot.egressSet]) if (set !== 0) used.add(set);
    const sets = [
      slot.enforceIngress ? maps.list(slot.ingressSet) : [],
      slot.enforceEgress ? maps.list(slot.egressSet) : [],
    ];
    assert.deepEqual(texts(sets.flat()), texts(policy.entries), `${when}, endpoint ${id}`);
    assert.equal(slot.changing, undefined);
  }
  assert.equal(rig.manager.policySize().sets, used.size, `${when}: sets that endpoints use, and no other`);
}

test("the maps follow identities, policies and labels", async () => {
  await using rig = await smallCluster();
  check(rig, "at first");
  const sets = rig.manager.policySize();
  const labels = appLabels(1, 2).with([{ source: "k8s", key: "v", value: "2" }]);
  await rig.timed(() => rig.engine.upsertIdentity({ id: 5000, labels }));
  check(rig, "an identity came");
  await rig.timed(() => rig.engine.upsertIdentity({ id: 5000, labels: appLabels(2, 1) }));
  check(rig, "it changed its labels");
  await rig.timed(() => rig.engine.removeIdentity(5000));
  check(rig, "it went");
  assert.deepEqual(rig.manager.policySize(), sets);
  await rig.timed(() => rig.engine.deletePolicy("CiliumNetworkPolicy/ns1/app1-0"));
  check(rig, "a policy went");
  await rig.timed(() => rig.engine.upsertPolicy(policyOf(size, 1, 1, 0)));
  check(rig, "it came back");
  const deny = {
    ...policyOf(size, 1, 1, 9),
    spec: {
      endpointSelector: {},
      ingressDeny: [{ fromEndpoints: [{ matchLabels: { tier: "tier1" } }] }],
      ingress: [{ fromEntities: ["cluster"] }, { toPorts: [{ ports: [{ port: "80", protocol: "TCP" }] }] }],
    },
  };
  await rig.timed(() => rig.engine.upsertPolicy(deny));
  check(rig, "one that denies, and allows anybody");
  await rig.timed(() => rig.engine.setMode("never"));
  check(rig, "nothing is enforced");
  await rig.timed(() => rig.engine.setMode("default"));
  check(rig, "again");
});

test("endpoints with equal policy share their sets, and go on sharing them", async () => {
  await using rig = new Rig();
  await rig.start();
  await rig.addEndpoints(Array.from({ length: 50 }, () => ({ id: firstIdentity, labels: appLabels(0, 0) })));
  rig.engine.upsertIdentities(identities(size));
  for (let kind = 0; kind < size.policies; kind++) rig.engine.upsertPolicy(policyOf(size, 0, 0, kind));
  await rig.timed(() => rig.open());
  assert.equal(rig.manager.policySize().sets, 2);
  await rig.timed(() => rig.engine.deletePolicy("CiliumNetworkPolicy/ns0/app0-0"));
  assert.equal(rig.manager.policySize().sets, 2);
  check(rig, "in place");
});

test("the programs answer as the entries say, for named and for unknown peers", async () => {
  await using rig = await smallCluster();
  const [endpoint] = rig.table.by("identity", identityOf(size, 0, 0));
  const set = endpoint?.policy?.ingressSet ?? 0;
  const ask = (identity: number, port: number) =>
    measureDecisions(rig.maps, () => ({ set, identity, protocol: 6, port }), 1).allowed;
  assert.equal(ask(identityOf(size, 0, 1), 8080), 1, "policy 0 of app 0");
  assert.equal(ask(identityOf(size, 0, 1), 8081), 0, "another port");
  assert.equal(ask(identityOf(size, 2, 3), 9001), 1, "policy 1 of app 0: another namespace");
  assert.equal(ask(identityOf(size, 0, 0), 9095), 1, "policy 4 of app 0: a range of ports");
  assert.equal(ask(identityOf(size, 0, 0), 9100), 0, "behind the range");
  assert.equal(ask(9999, 8080), 0, "nobody knows it");
});
