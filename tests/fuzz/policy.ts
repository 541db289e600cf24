// SPDX-License-Identifier: Apache-2.0
// Random policies of Cilium's kinds with every field in use, mutated; and what has to hold for each that is taken.
import assert from "node:assert/strict";
import { type ParsedPolicy, PolicyParseError, parsePolicy } from "../../src/policy/index.ts";
import { assertNoPollution, type Random } from "./random.ts";

type Json = Record<string, unknown>;

const lists = ["ingress", "ingressDeny", "egress", "egressDeny"] as const;
type List = (typeof lists)[number];
const keys = ["app", "k8s:app", "io.kubernetes.pod.namespace", "reserved:host", "any:a/b", "K8S:x"];
const texts = ["", "web", "10.0.0.0/8", "fd00::1", "::/0", "world", "all", "http", "*.a.test", "EchoReply", "(a+)+"];

/** A policy that is mostly good, with any of its fields. */
export function randomPolicy(random: Random): Json {
  const clusterwide = random.chance(0.3);
  const specs = random.chance(0.2) ? { specs: some(random, () => spec(random)) } : {};
  return {
    apiVersion: "cilium.io/v2",
    kind: clusterwide ? "CiliumClusterwideNetworkPolicy" : "CiliumNetworkPolicy",
    metadata: { name: "p", annotations: { "policy.cilium.io/staged": random.pick(["true", "false"]) } },
    spec: spec(random),
    ...specs,
  };
}

/**
 * Tries one policy, as it is or mutated. Says whether it was taken. Throws AssertionError for a refusal of another kind
 * than PolicyParseError, and for a policy that was taken in part.
 */
export function tryPolicy(random: Random): boolean {
  const whole = randomPolicy(random);
  const resource = random.chance(0.8) ? random.mutate(whole) : whole;
  const options = { nodeSelectorLabels: random.chance(0.5), policyDefaultLocalCluster: random.chance(0.5) };
  try {
    const policy = parsePolicy(resource, options);
    checkTaken(policy, resource as Json);
    assert.deepEqual(parsePolicy(structuredClone(resource), options), policy);
    return true;
  } catch (error) {
    assert.ok(error instanceof PolicyParseError, `${error instanceof Error ? error.stack : String(error)}`);
    assert.ok(error.message.length < 1700 && !error.message.includes("\n"), error.message);
    return false;
  } finally {
    assertNoPollution();
  }
}

/** Nothing of the document is left out: each rule is there, denies deny, and peers that were written are not "anybody". */
function checkTaken(policy: ParsedPolicy, resource: Json): void {
  const specs = [...(resource.spec === undefined ? [] : [resource.spec]), ...((resource.specs as unknown[]) ?? [])];
  assert.equal(policy.rules.length, specs.length);
  for (const [index, rule] of policy.rules.entries()) {
    const source = specs[index] as Partial<Record<List, Json[]>>;
    const items = (allow: List, deny: List) => [
      ...(source[allow] ?? []).map((item) => ({ item, action: "allow" })),
      ...(source[deny] ?? []).map((item) => ({ item, action: "deny" })),
    ];
    const pairs = [
      ...rule.ingress.map((found, n) => ({ found, ...items("ingress", "ingressDeny")[n] })),
      ...rule.egress.map((found, n) => ({ found, ...items("egress", "egressDeny")[n] })),
    ];
    assert.equal(
      pairs.length,
      lists.reduce((sum, list) => sum + (source[list]?.length ?? 0), 0),
    );
    for (const { found, item, action } of pairs) {
      assert.equal(found.action, action);
      const written = Object.entries(item ?? {}).filter(([key, value]) => saysPeers(key, value));
      assert.equal(found.peers === undefined, written.length === 0, JSON.stringify(item));
      for (const { ports } of found.toPorts ?? []) {
        for (const { first, last } of ports) assert.ok(first >= 0 && first <= last && last <= 65535);
      }
    }
  }
}

/** Cilium takes empty lists of names, services and groups for none; the agent refuses to import them. */
function saysPeers(key: string, value: unknown): boolean {
  const isEmpty = Array.isArray(value) && value.length === 0;
  return /^(from|to)(?!Ports|Requires)/.test(key) && !(isEmpty && /^to(FQDNs|Services|Groups)$/.test(key));
}

function spec(random: Random): Json {
  const subject = random.chance(0.9) ? "endpointSelector" : "nodeSelector";
  const rules = lists.filter(() => random.chance(0.5)).map((list) => [list, some(random, () => rule(random, list))]);
  return {
    [subject]: selector(random),
    ...Object.fromEntries(rules),
    ...maybe(random, "enableDefaultDeny", () => ({ ingress: random.chance(0.5) })),
    ...maybe(random, "labels", () => [{ key: "a", value: "b" }, "k8s:a=b"]),
    ...maybe(random, "log", () => ({ value: "x" })),
    ...maybe(random, "description", () => random.pick(texts)),
  };
}

function rule(random: Random, list: List): Json {
  const from = list.startsWith("ingress") ? "from" : "to";
  const allows = !list.endsWith("Deny");
  const peers: readonly (readonly [string, () => unknown])[] = [
    ["Endpoints", () => selector(random)],
    ["Entities", () => random.pick(["world", "cluster", "host", "all", "none", "x"])],
    ["CIDR", () => random.pick(["10.0.0.0/8", "fd00::/8", "10.1.1.1", "x"])],
    ["CIDRSet", () => cidrSet(random)],
    ["Nodes", () => selector(random)],
    ...(from === "to" ? [["Services", () => service(random)] as const] : []),
    ...(from === "to" && allows ? [["FQDNs", () => name(random)] as const] : []),
  ];
  const [field, make] = random.pick(peers);
  const ports = random.chance(0.2)
    ? { icmps: some(random, () => ({ fields: some(random, () => icmp(random)) })) }
    : maybe(random, "toPorts", () => some(random, () => portRule(random, allows)));
  return {
    ...(random.chance(0.8) ? { [`${from}${field}`]: some(random, make) } : {}),
    ...ports,
    ...(allows ? maybe(random, "authentication", () => ({ mode: random.pick(["required", "disabled"]) })) : {}),
  };
}

function portRule(random: Random, allows: boolean): Json {
  const ports = some(random, () => ({
    port: random.pick(["80", "53", "0", "http", "010", "65535", "65536"]),
    ...maybe(random, "endPort", () => random.pick([0, 90, 65535])),
    ...maybe(random, "protocol", () => random.pick(["TCP", "UDP", "ANY", "tcp", "SCTP"])),
  }));
  const http = () => ({ method: random.pick(texts), path: random.pick(texts), headers: some(random, () => "a: b") });
  const rules = () => (random.chance(0.5) ? { http: some(random, http) } : { dns: some(random, () => name(random)) });
  const proxy = () => ({
    ...maybe(random, "rules", rules),
    ...maybe(random, "serverNames", () => some(random, () => random.pick(texts))),
    ...maybe(random, "terminatingTLS", () => ({ secret: { name: "s" } })),
    ...maybe(random, "listener", () => ({ envoyConfig: { name: "e" }, name: "l" })),
  });
  return { ports, ...(allows && random.chance(0.4) ? proxy() : {}) };
}

function selector(random: Random): Json {
  return {
    ...maybe(random, "matchLabels", () => ({ [random.pick(keys)]: random.pick(["", "web", "prod"]) })),
    ...maybe(random, "matchExpressions", () => [
      { key: random.pick(keys), operator: random.pick(["In", "NotIn"]), values: ["a"] },
      { key: random.pick(keys), operator: random.pick(["Exists", "DoesNotExist"]) },
    ]),
  };
}

function cidrSet(random: Random): Json {
  const source = random.pick([{ cidr: "10.0.0.0/8" }, { cidrGroupRef: "g" }, { cidrGroupSelector: {} }]);
  return { ...source, ...maybe(random, "except", () => ["10.1.0.0/16"]) };
}

function service(random: Random): Json {
  return random.chance(0.5)
    ? { k8sService: { serviceName: "s", namespace: "n" } }
    : { k8sServiceSelector: { selector: selector(random) } };
}

function name(random: Random): Json {
  return random.chance(0.5) ? { matchName: random.pick(texts) } : { matchPattern: random.pick(texts) };
}

function icmp(random: Random): Json {
  return { family: random.pick(["IPv4", "IPv6"]), type: random.pick([0, 8, 300, "8", "EchoReply", "EchoRequest"]) };
}

function some<T>(random: Random, make: () => T): T[] {
  return Array.from({ length: random.int(random.chance(0.1) ? 0 : 1, 3) }, make);
}

function maybe(random: Random, field: string, make: () => unknown): Json {
  return random.chance(0.3) ? { [field]: make() } : {};
}
