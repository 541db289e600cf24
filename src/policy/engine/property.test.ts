// SPDX-License-Identifier: Apache-2.0
// Random policies and identities: entries against a naive reading of the rules, increments against a fresh start.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../entries/decide.ts";
import { matchesSelector } from "../selectors/match.ts";
import { cnp, pod, randomNumbers } from "../testing.ts";
import type { Direction, DirectionRule, ParsedPolicy, PolicyFlow, PolicyIdentity } from "../types.ts";
import { PolicyEngine } from "./engine.ts";

const random = randomNumbers(2024);
const below = (limit: number): number => Math.floor(random() * limit);
const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] ?? assert.fail();

function randomIdentity(id: number): PolicyIdentity {
  return pod(
    id,
    pick(["default", "prod"]),
    `app=${pick(["a", "b", "c"])}`,
    ...(random() < 0.5 ? [`tier=${pick(["x", "y"])}`] : []),
  );
}

function randomSelector(): object {
  const matchLabels = random() < 0.6 ? { matchLabels: { app: pick(["a", "b", "c", "d"]) } } : {};
  const operator = pick(["In", "NotIn", "Exists", "DoesNotExist"]);
  const values = operator.endsWith("In") ? { values: [pick(["x", "y"])] } : {};
  const matchExpressions = random() < 0.3 ? { matchExpressions: [{ key: "tier", operator, ...values }] } : {};
  const namespace = random() < 0.2 ? { "k8s:io.kubernetes.pod.namespace": "prod" } : {};
  return { ...matchExpressions, matchLabels: { ...matchLabels.matchLabels, ...namespace } };
}

function randomPort(): object {
  const port = pick(["0", "80", "81", "8000"]);
  return {
    port,
    ...(random() < 0.3 ? { endPort: Number(port) + below(9) } : {}),
    protocol: pick(["TCP", "UDP", "ANY"]),
  };
}

function randomRule(field: string): object {
  const peers = random() < 0.7 ? { [field]: Array.from({ length: below(3) }, randomSelector) } : {};
  const toPorts = Array.from({ length: below(3) }, () => ({ ports: Array.from({ length: below(3) }, randomPort) }));
  return { ...peers, ...(random() < 0.6 ? { toPorts } : {}) };
}

function randomPolicy(name: string): unknown {
  return cnp(name, {
    endpointSelector: randomSelector(),
    ingress: Array.from({ length: below(3) }, () => randomRule("fromEndpoints")),
    egress: Array.from({ length: 1 + below(2) }, () => randomRule("toEndpoints")),
    ...(random() < 0.2 ? { enableDefaultDeny: { ingress: false } } : {}),
  });
}

/** The rules read as they stand, without any of the engine's stages after parsing. */
function naiveVerdict(
  policies: readonly ParsedPolicy[],
  local: PolicyIdentity,
  remote: PolicyIdentity,
  flow: PolicyFlow,
) {
  const specs = policies
    .flatMap((policy) => policy.rules)
    .filter((rule) => matchesSelector(rule.subject, local.labels));
  const selecting = specs.filter((rule) => rule[flow.direction].length > 0);
  if (!selecting.some((rule) => rule.defaultDeny[flow.direction])) return "allow";
  return selecting.some((rule) => rule[flow.direction].some((item) => naiveAllows(item, remote, flow)))
    ? "allow"
    : "deny";
}

function naiveAllows(rule: DirectionRule, remote: PolicyIdentity, flow: PolicyFlow): boolean {
  if (rule.peers === undefined && rule.toPorts === undefined) return false;
  if (rule.peers !== undefined && !rule.peers.some((peer) => !("kind" in peer) && matchesSelector(peer, remote.labels)))
    return false;
  if (rule.toPorts === undefined) return true;
  return rule.toPorts.some(({ ports }) =>
    ports.some(
      ({ protocols, first, last }) => protocols.includes(flow.protocol) && first <= flow.port && flow.port <= last,
    ),
  );
}

function engineVerdict(engine: PolicyEngine, local: PolicyIdentity, flow: PolicyFlow): string {
  const policy = engine.resolveEndpoint(local.labels, local.id);
  const enforced = flow.direction === "ingress" ? policy.ingressEnforced : policy.egressEnforced;
  return enforced ? decide(policy.entries, flow).verdict : "allow";
}

const samples = (["ingress", "egress"] as readonly Direction[]).flatMap((direction) =>
  [
    [6, 80],
    [6, 81],
    [6, 84],
    [6, 8003],
    [6, 9],
    [17, 80],
    [132, 80],
    [1, 8],
  ].map(([protocol = 0, port = 0]) => ({ direction, protocol, port })),
);

test("entries give the verdicts of the rules as they stand", () => {
  for (let round = 0; round < 60; round++) {
    const engine = new PolicyEngine();
    const identities = Array.from({ length: 8 }, (_, index) => randomIdentity(256 + index));
    engine.upsertIdentities(identities);
    const policies = Array.from(
      { length: 1 + below(4) },
      (_, index) => engine.upsertPolicy(randomPolicy(`p${index}`)).policy,
    );
    for (const local of identities) {
      for (const remote of identities) {
        for (const sample of samples) {
          const flow = { ...sample, identity: remote.id };
          const expected = naiveVerdict(policies, local, remote, flow);
          assert.equal(engineVerdict(engine, local, flow), expected, JSON.stringify({ policies, local, remote, flow }));
        }
      }
    }
  }
});

test("after any sequence of changes the entries are those of a fresh engine, and the told changes add up to them", () => {
  const engine = new PolicyEngine();
  const identities = new Map<number, PolicyIdentity>();
  const policies = new Map<string, unknown>();
  const endpoint = pod(9000, "default", "app=a");
  const mirror = new Map<string, unknown>();
  const keyOf = (entry: object) => JSON.stringify({ ...entry, cookie: 0 });
  const reload = () => {
    mirror.clear();
    for (const entry of engine.resolveEndpoint(endpoint.labels, endpoint.id).entries) mirror.set(keyOf(entry), entry);
  };
  engine.onAffected(({ changes }) => {
    const change = changes?.get(endpoint.id);
    for (const entry of change?.removed ?? []) assert.ok(mirror.delete(keyOf(entry)), "removed what was not there");
    for (const entry of change?.added ?? []) mirror.set(keyOf(entry), entry);
    if (changes === undefined) reload();
  });
  reload();
  for (let step = 0; step < 400; step++) {
    const id = 256 + below(20);
    const name = `p${below(6)}`;
    if (random() < 0.6) {
      if (random() < 0.7) identities.set(id, randomIdentity(id));
      else identities.delete(id);
      const identity = identities.get(id);
      if (identity === undefined) engine.removeIdentity(id);
      else engine.upsertIdentity(identity);
    } else if (random() < 0.7) {
      policies.set(name, randomPolicy(name));
      engine.upsertPolicy(policies.get(name));
    } else {
      policies.delete(name);
      engine.deletePolicy(`CiliumNetworkPolicy/default/${name}`);
    }
    const fresh = new PolicyEngine({ cookies: engine.cookies });
    fresh.upsertIdentities(identities.values());
    for (const policy of policies.values()) fresh.upsertPolicy(policy);
    const expected = fresh.resolveEndpoint(endpoint.labels, endpoint.id);
    const actual = engine.resolveEndpoint(endpoint.labels, endpoint.id);
    assert.deepEqual(actual.entries, expected.entries, `step ${step}`);
    assert.equal(actual.fingerprint, expected.fingerprint);
    assert.deepEqual(mirror, new Map(expected.entries.map((entry) => [keyOf(entry), entry])), `mirror at step ${step}`);
  }
});
