// SPDX-License-Identifier: Apache-2.0
// Random policies and identities: entries against a naive reading of the rules, increments against a fresh start.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../core/index.ts";
import { randomNumbers } from "../../core/testing.ts";
import { Identity } from "../../identity/index.ts";
import { decide } from "../entries/decide.ts";
import { matchesSelector } from "../selectors/match.ts";
import { cnp, pod } from "../testing.ts";
import type {
  Direction,
  DirectionRule,
  EnforcementMode,
  NamedPort,
  ParsedPolicy,
  PolicyFlow,
  PolicyIdentity,
  PortMatch,
} from "../types.ts";
import { PolicyEngine } from "./engine.ts";

const random = randomNumbers(2024);
const below = (limit: number): number => Math.floor(random() * limit);
const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] ?? assert.fail();

/** A pod, or an address outside. */
function randomIdentity(id: number): PolicyIdentity {
  if (random() < 0.25) {
    const address = `10.${below(2)}.${below(2)}.${below(2)}/32`;
    return { id, labels: Labels.parse(["reserved:world-ipv4", `cidr:${address}`]) };
  }
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
  const port = pick(["0", "80", "81", "8000", "http"]);
  return {
    port,
    ...(port !== "http" && random() < 0.3 ? { endPort: Number(port) + below(9) } : {}),
    protocol: pick(["TCP", "UDP", "ANY"]),
  };
}

function randomPeers(direction: Direction): object {
  const field = direction === "ingress" ? "from" : "to";
  const chance = random();
  if (chance < 0.45) return { [`${field}Endpoints`]: Array.from({ length: below(3) }, randomSelector) };
  if (chance < 0.6) return { [`${field}Entities`]: [pick(["all", "world", "cluster", "host"])] };
  if (chance < 0.75) return { [`${field}CIDRSet`]: [{ cidr: "10.0.0.0/8", except: [`10.${below(2)}.0.0/16`] }] };
  return {};
}

function randomRule(direction: Direction, mayProxy: boolean): object {
  const peers = randomPeers(direction);
  if (random() < 0.15) return { ...peers, icmps: [{ fields: [{ type: pick([0, 3, 8]), family: "IPv4" }] }] };
  if (mayProxy && random() < 0.15) {
    return { ...peers, toPorts: [{ ports: [{ port: "80", protocol: "TCP" }], rules: { http: [{ method: "GET" }] } }] };
  }
  const toPorts = Array.from({ length: below(3) }, () => ({ ports: Array.from({ length: below(3) }, randomPort) }));
  return { ...peers, ...(random() < 0.6 ? { toPorts } : {}) };
}

function randomPolicy(name: string): unknown {
  const rules = (direction: Direction, least: number, mayProxy: boolean) =>
    Array.from({ length: least + below(3) }, () => randomRule(direction, mayProxy));
  return cnp(name, {
    endpointSelector: randomSelector(),
    ingress: rules("ingress", 0, true),
    egress: rules("egress", 1, true),
    ...(random() < 0.5 ? { ingressDeny: rules("ingress", 0, false), egressDeny: rules("egress", 0, false) } : {}),
    ...(random() < 0.3 ? { enableDefaultDeny: { ingress: random() < 0.3, egress: random() < 0.3 } } : {}),
  });
}

function randomPorts(): NamedPort[] {
  return random() < 0.5 ? [] : [{ name: "http", protocol: pick([6, 17]), port: pick([80, 84, 8003]) }];
}

interface Side {
  readonly identity: PolicyIdentity;
  readonly ports: readonly NamedPort[];
}

/** The rules read as they stand, without any of the engine's stages after parsing. */
function naiveVerdict(
  policies: readonly ParsedPolicy[],
  mode: EnforcementMode,
  local: Side,
  remote: Side,
  flow: PolicyFlow,
): string {
  const specs = policies
    .flatMap((policy) => policy.rules)
    .filter((rule) => matchesSelector(rule.subject, local.identity.labels));
  const selecting = specs.filter((rule) => rule[flow.direction].length > 0);
  const named = flow.direction === "ingress" ? local.ports : remote.ports;
  const matching = selecting
    .flatMap((rule) => rule[flow.direction])
    .flatMap((rule) => naiveMatch(rule, remote.identity, named, flow));
  if (mode === "never") return "allow";
  if (matching.includes("deny")) return "deny";
  if (matching.includes("redirect")) return "redirect";
  const host = flow.direction === "ingress" && flow.identity === Identity.host && selecting.length > 0;
  const closed = mode === "always" || selecting.some((rule) => rule.defaultDeny[flow.direction]);
  return matching.includes("allow") || host || !closed ? "allow" : "deny";
}

function naiveMatch(
  rule: DirectionRule,
  remote: PolicyIdentity,
  named: readonly NamedPort[],
  flow: PolicyFlow,
): readonly string[] {
  if (rule.peers === undefined && rule.toPorts === undefined) return [];
  if (rule.peers !== undefined && !rule.peers.some((peer) => !("kind" in peer) && matchesSelector(peer, remote.labels)))
    return [];
  if (rule.toPorts === undefined) return [rule.action];
  return rule.toPorts
    .filter(({ ports }) => ports.some((match) => naiveCovers(match, named, flow)))
    .map(({ l7 }) => (l7 === undefined ? rule.action : "redirect"));
}

function naiveCovers(match: PortMatch, named: readonly NamedPort[], { protocol, port }: PolicyFlow): boolean {
  const { first, last, name, protocols } = match;
  if (!protocols.includes(protocol)) return false;
  if (name === undefined) return first <= port && port <= last;
  return named.some((item) => item.name === name && item.protocol === protocol && item.port === port);
}

function engineVerdict(engine: PolicyEngine, local: PolicyIdentity, flow: PolicyFlow): string {
  const policy = engine.resolveEndpoint(local.labels, local.id);
  const enforced = flow.direction === "ingress" ? policy.ingressEnforced : policy.egressEnforced;
  if (!enforced) return "allow";
  const { verdict, entry } = decide(policy.entries, flow);
  return entry?.l7 === undefined ? verdict : "redirect";
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
    const mode = pick<EnforcementMode>(["default", "default", "default", "always", "never"]);
    const engine = new PolicyEngine({ mode });
    const host = { id: Identity.host, labels: Labels.parse(["reserved:host"]) };
    const peers = [host, ...Array.from({ length: 7 }, (_, index) => randomIdentity(256 + index))];
    const sides = peers.map((identity): Side => ({ identity, ports: identity === host ? [] : randomPorts() }));
    engine.upsertIdentities(peers);
    for (const { identity, ports } of sides) engine.setNamedPorts(identity.id, ports);
    const policies = Array.from(
      { length: 1 + below(4) },
      (_, index) => engine.upsertPolicy(randomPolicy(`p${index}`)).policy,
    );
    for (const local of sides.slice(1)) {
      for (const remote of sides) {
        for (const sample of samples) {
          const flow = { ...sample, identity: remote.identity.id };
          const expected = naiveVerdict(policies, mode, local, remote, flow);
          const found = engineVerdict(engine, local.identity, flow);
          assert.equal(found, expected, JSON.stringify({ mode, policies, local, remote, flow }));
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
  const ports = new Map<number, NamedPort[]>();
  for (let step = 0; step < 400; step++) {
    const id = 256 + below(20);
    const name = `p${below(6)}`;
    if (random() < 0.15) {
      const peer = random() < 0.1 ? endpoint.id : id;
      ports.set(peer, randomPorts());
      engine.setNamedPorts(peer, ports.get(peer) ?? []);
    } else if (random() < 0.6) {
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
    for (const [peer, list] of ports) fresh.setNamedPorts(peer, list);
    for (const policy of policies.values()) fresh.upsertPolicy(policy);
    const expected = fresh.resolveEndpoint(endpoint.labels, endpoint.id);
    const actual = engine.resolveEndpoint(endpoint.labels, endpoint.id);
    assert.deepEqual(actual.entries, expected.entries, `step ${step}`);
    assert.equal(actual.fingerprint, expected.fingerprint);
    assert.deepEqual(mirror, new Map(expected.entries.map((entry) => [keyOf(entry), entry])), `mirror at step ${step}`);
  }
});
