// SPDX-License-Identifier: Apache-2.0
// What the parser makes of each field: peers, ports, requests, annotations.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatCidr, Labels } from "../../core/index.ts";
import { matchesSelector } from "../selectors/match.ts";
import { cnp } from "../testing.ts";
import type { DirectionRule, ParsedPolicy, Peer, Selector } from "../types.ts";
import { parseCidrGroup } from "./cidr-group.ts";
import type { ParsePolicyOptions } from "./options.ts";
import { parsePolicy } from "./policy.ts";

type Json = Record<string, unknown>;
const podIn = (namespace: string, cluster = "default") =>
  Labels.parse([
    `k8s:io.kubernetes.pod.namespace=${namespace}`,
    `k8s:io.cilium.k8s.policy.cluster=${cluster}`,
    "k8s:a=b",
  ]);

function clusterwide(spec: Json, options: ParsePolicyOptions = {}): ParsedPolicy {
  return parsePolicy(
    { apiVersion: "cilium.io/v2", kind: "CiliumClusterwideNetworkPolicy", metadata: { name: "c" }, spec },
    options,
  );
}

function ruleOf(policy: ParsedPolicy): DirectionRule {
  const rule = policy.rules[0]?.ingress[0] ?? policy.rules[0]?.egress[0];
  assert.ok(rule);
  return rule;
}

function ingress(item: Json, options: ParsePolicyOptions = {}): DirectionRule {
  return ruleOf(parsePolicy(cnp("p", { endpointSelector: {}, ingress: [item] }), options));
}

function egress(item: Json): DirectionRule {
  return ruleOf(parsePolicy(cnp("p", { endpointSelector: {}, egress: [item] })));
}

function selects(peers: readonly Peer[] | undefined, labels: Labels): boolean {
  return (peers ?? []).some((peer) => !("kind" in peer) && matchesSelector(peer, labels));
}

describe("entities", () => {
  const reserved = (name: string) => Labels.parse([`reserved:${name}`]);
  const names = ["host", "remote-node", "health", "init", "ingress", "unmanaged", "kube-apiserver", "none"];
  const others = ["world", "world-ipv4", "world-ipv6"];
  const selected = (entity: string, options: ParsePolicyOptions = {}) => {
    const { peers } = ingress({ fromEntities: [entity] }, options);
    const found = [...names, ...others].filter((name) => selects(peers, reserved(name)));
    if (selects(peers, podIn("x", options.cluster ?? "default"))) found.push("pod");
    if (selects(peers, podIn("x", "east"))) found.push("pod of east");
    return found;
  };
  const inCluster = names.slice(0, -1);

  test("select what they name", () => {
    assert.deepEqual(selected("world"), others);
    assert.deepEqual(selected("world-ipv6"), ["world-ipv6"]);
    assert.deepEqual(selected("cluster"), [...inCluster, "pod"]);
    assert.deepEqual(selected("cluster-mesh"), [...inCluster, "pod", "pod of east"]);
    assert.deepEqual(selected("all"), [...names, ...others, "pod", "pod of east"]);
    for (const name of names) assert.deepEqual(selected(name), [name]);
  });

  test("cluster is the local one, also where peers may live in any", () => {
    const options = { cluster: "west", policyDefaultLocalCluster: false };
    assert.deepEqual(selected("cluster", options), [...inCluster, "pod"]);
  });
});

describe("scope of a clusterwide policy", () => {
  const peersOf = (subject: Json, peer: Json, options: ParsePolicyOptions = {}) =>
    ruleOf(clusterwide({ ...subject, ingress: [{ fromEndpoints: [peer] }] }, options)).peers;
  const everywhere = { endpointSelector: {} };
  const host = Labels.parse(["reserved:host"]);

  test("the subject is not narrowed", () => {
    const [rule] = clusterwide({ endpointSelector: {}, ingress: [{}] }).rules;
    assert.deepEqual(rule?.subject.requirements, []);
  });

  test("peers are pods of any namespace in the local cluster", () => {
    const peers = peersOf(everywhere, {});
    assert.equal(selects(peers, podIn("x")), true);
    assert.equal(selects(peers, podIn("x", "east")), false);
    assert.equal(selects(peers, host), false);
    assert.equal(selects(peersOf(everywhere, {}, { policyDefaultLocalCluster: false }), podIn("x", "east")), true);
  });

  test("peers need no namespace when the subject is reserved:init", () => {
    const init = { endpointSelector: { matchLabels: { "reserved:init": "" } } };
    const cluster = Labels.parse(["k8s:io.cilium.k8s.policy.cluster=default"]);
    assert.equal(selects(peersOf(init, {}), cluster), true);
    assert.equal(selects(peersOf(everywhere, {}), cluster), false);
  });

  test("a nodeSelector makes a policy for nodes, with its own namespace's scope for none", () => {
    const [rule] = clusterwide({ nodeSelector: { matchLabels: { zone: "a" } }, ingress: [{}] }).rules;
    assert.equal(rule?.subjectKind, "node");
    assert.equal(matchesSelector(rule.subject, Labels.parse(["reserved:host", "k8s:zone=a"])), true);
  });
});

describe("addresses", () => {
  test("sets have exceptions, groups are references", () => {
    const { peers = [] } = egress({
      toCIDRSet: [
        { cidr: "10.1.2.3/8", except: ["10.1.0.0/16"] },
        { cidrGroupRef: "g", except: ["10.2.0.0/16"] },
        { cidrGroupSelector: { matchLabels: { env: "prod" } } },
      ],
    });
    const [set, named, labelled] = peers;
    assert.ok(set !== undefined && !("kind" in set));
    assert.equal(set.prefix && formatCidr(set.prefix.cidr), "10.0.0.0/8");
    assert.deepEqual(set.prefix?.except.map(formatCidr), ["10.1.0.0/16"]);
    assert.ok(named && "kind" in named && named.kind === "cidr-group");
    assert.deepEqual([named.name, named.except.map(formatCidr)], ["g", ["10.2.0.0/16"]]);
    assert.ok(labelled && "kind" in labelled && labelled.kind === "cidr-group-selector");
    assert.equal(matchesSelector(labelled.selector, Labels.parse(["cidrgroup:env=prod"])), true);
  });

  test("a group's prefixes are distinct, its labels have their own source", () => {
    const group = parseCidrGroup({
      apiVersion: "cilium.io/v2",
      kind: "CiliumCIDRGroup",
      metadata: { name: "g", labels: { env: "prod" } },
      spec: { externalCIDRs: ["10.0.0.0/8", "10.9.9.9/8", "fd00::/8"] },
    });
    assert.deepEqual(group.cidrs.map(formatCidr), ["10.0.0.0/8", "fd00::/8"]);
    assert.deepEqual(group.labels.toStrings(), ["cidrgroup:env=prod"]);
  });

  test("names lose case and trailing dot; services keep theirs", () => {
    const names = (egress({ toFQDNs: [{ matchName: "WWW.Example.com." }, { matchPattern: "*.Example.com" }] }).peers ??
      []) as readonly Selector[];
    assert.deepEqual(
      names.map(({ fqdn }) => fqdn),
      [{ matchName: "www.example.com" }, { matchPattern: "*.example.com" }],
    );
    const { peers } = egress({
      toServices: [{ k8sService: { serviceName: "s" } }, { k8sServiceSelector: { selector: {}, namespace: "n" } }],
    });
    assert.deepEqual(peers?.[0], { kind: "service", namespace: "default", name: "s" });
    const selected = peers?.[1];
    assert.equal(selected && "kind" in selected && selected.kind === "service-selector" && selected.namespace, "n");
  });

  test("threats: an empty list of peers is nobody, never anybody, whatever stands beside it", () => {
    const ports = { toPorts: [{ ports: [{ port: "80" }] }] };
    for (const field of ["toEndpoints", "toCIDR", "toCIDRSet", "toEntities", "toNodes"]) {
      assert.deepEqual(egress({ [field]: [], ...ports }).peers, [], field);
    }
    // These say nothing, as in Cilium; the agent refuses what is then about anybody.
    for (const field of ["toServices", "toFQDNs", "toGroups"]) {
      const { emptyPeers, peers } = egress({ [field]: [], ...ports });
      assert.deepEqual([emptyPeers, peers], [field, undefined]);
      assert.deepEqual(egress({ [field]: [], toEndpoints: [], ...ports }).peers, [], field);
    }
    assert.deepEqual(egress({ toEndpoints: [], toCIDR: ["10.0.0.0/8"] }).peers, []);
    assert.equal(egress(ports).peers, undefined);
  });
});

describe("ports and requests", () => {
  test("ICMP types come by number and by name; 0 is every type", () => {
    const { toPorts } = ingress({
      icmps: [
        { fields: [{ type: 8 }, { type: "EchoReply" }, { family: "IPv6", type: "EchoRequest" }, { type: "012" }] },
        {},
      ],
    });
    assert.deepEqual(toPorts?.[0]?.ports, [
      { protocols: [1], first: 8, last: 8 },
      { protocols: [1], first: 0, last: 65535 },
      { protocols: [58], first: 128, last: 128 },
      { protocols: [1], first: 10, last: 10 },
    ]);
    assert.deepEqual(toPorts?.[1], { section: "ingress[0].icmps[1]", ports: [] });
  });

  test("HTTP rules lose empty fields", () => {
    const rules = {
      http: [{ method: "GET", path: "", headers: [] }, { headerMatches: [{ name: "X-A", mismatch: "LOG" }] }],
    };
    const { toPorts } = ingress({ toPorts: [{ ports: [{ port: "80", protocol: "TCP" }], rules }] });
    assert.deepEqual(toPorts?.[0]?.l7, {
      parser: "http",
      rules: [{ method: "GET" }, { headerMatches: [{ name: "X-A", mismatch: "LOG" }] }],
    });
  });

  test("server names, TLS and listeners are kept", () => {
    const item = {
      ports: [{ port: "443", protocol: "TCP" }],
      serverNames: ["WWW.a.test"],
      originatingTLS: { secret: { name: "s" } },
      listener: { envoyConfig: { name: "e" }, name: "l", priority: 3 },
    };
    const found = egress({ toPorts: [item] }).toPorts?.[0];
    assert.deepEqual(found?.serverNames, ["www.a.test"]);
    assert.deepEqual(found?.tls, { terminating: false, originating: true });
    assert.deepEqual(found?.listener, { config: { kind: "CiliumEnvoyConfig", name: "e" }, name: "l", priority: 3 });
  });

  test("denies come behind allows, with their own sections", () => {
    const policy = parsePolicy(cnp("p", { endpointSelector: {}, ingressDeny: [{}], ingress: [{}, {}] }));
    assert.deepEqual(
      policy.rules[0]?.ingress.map(({ section, action }) => [section, action]),
      [
        ["ingress[0]", "allow"],
        ["ingress[1]", "allow"],
        ["ingressDeny[0]", "deny"],
      ],
    );
  });

  test("authentication, labels and log are kept", () => {
    const spec = { endpointSelector: {}, ingress: [{ authentication: { mode: "required" } }], log: { value: "x" } };
    const [rule] = parsePolicy(cnp("p", { ...spec, labels: ["k8s:team=a", { key: "b" }] })).rules;
    assert.equal(rule?.ingress[0]?.authentication, "required");
    assert.equal(rule?.log, "x");
    assert.deepEqual(rule?.labels, [
      { source: "k8s", key: "team", value: "a" },
      { source: "", key: "b", value: "" },
    ]);
  });
});

test("annotations make a policy of any kind staged or audited", () => {
  const annotated = (annotations: Json, kind = "CiliumNetworkPolicy") => {
    const plain = cnp("p", { endpointSelector: {}, ingress: [{}] });
    return parsePolicy({ ...plain, kind, metadata: { name: "p", annotations } });
  };
  const staged = { "policy.cilium.io/staged": "true" };
  assert.deepEqual([annotated(staged).staged, annotated(staged).audit], [true, false]);
  assert.equal(annotated({ "policy.cilium.io/audit": "true" }, "CiliumClusterwideNetworkPolicy").audit, true);
  assert.equal(annotated({ "policy.cilium.io/staged": "false", other: "x" }).staged, false);
  assert.throws(() => annotated({ "policy.cilium.io/staged": "yes" }), /is "yes", expected "true" or "false"/);
  const kubernetes = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", spec: { podSelector: {} } };
  assert.equal(parsePolicy({ ...kubernetes, metadata: { name: "n", annotations: staged } }).staged, true);
});
