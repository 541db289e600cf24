// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { clusterNetworkPolicy } from "./cluster-network-policy.ts";
import { assertRefused, ruleOf, selectedBy, world } from "./testing.ts";

const api = { matchLabels: { app: "api" } };
const dev = { matchLabels: { env: "dev" } };
const all = { namespaces: {} };
const base = { tier: "Admin", priority: 10, subject: all };

function egress(to: unknown, rest: object = {}) {
  const spec = { ...base, egress: [{ action: "Accept", to, ...rest }] };
  return ruleOf(clusterNetworkPolicy, spec, { nodeSelectorLabels: true, namespace: "" }).egress;
}
const peersOf = (to: unknown) => selectedBy(egress(to).at(-1)?.peers, world);
const portsOf = (protocols: unknown) => egress([all], { protocols })[0]?.toPorts?.flatMap((item) => item.ports);

test("tier, priority and actions are kept, and nothing becomes default deny", () => {
  const ingress = ["Accept", "Deny", "Pass"].map((action) => ({ action, from: [all] }));
  const rule = ruleOf(clusterNetworkPolicy, { ...base, tier: "Baseline", priority: 1000, ingress });
  assert.deepEqual([rule.tier, rule.priority, rule.defaultDeny], ["baseline", 1000, { ingress: false, egress: false }]);
  assert.deepEqual(
    rule.ingress.map(({ section, action }) => [section, action]),
    [
      ["ingress[0]", "allow"],
      ["ingress[1]", "deny"],
      ["ingress[2]", "pass"],
    ],
  );
  assert.equal(ruleOf(clusterNetworkPolicy, base).tier, "admin");
});

test("the subject is chosen by namespaces, or by namespaces and pods, in whatever cluster the agent is", () => {
  const subject = (value: unknown) =>
    selectedBy([ruleOf(clusterNetworkPolicy, { ...base, subject: value }).subject], world);
  assert.deepEqual(subject({ namespaces: dev }), ["dev/api", "dev/db"]);
  assert.deepEqual(subject(all), ["api", "db", "dev/api", "dev/db", "east/api"]);
  assert.deepEqual(subject({ pods: { namespaceSelector: dev, podSelector: api } }), ["dev/api"]);
  assert.deepEqual(subject({ pods: { podSelector: api } }), ["api", "dev/api", "east/api"]);
});

describe("peers", () => {
  test("are pods of the local cluster, unless another is named", () => {
    assert.deepEqual(peersOf([all]), ["api", "db", "dev/api", "dev/db"]);
    assert.deepEqual(peersOf([{ namespaces: dev }]), ["dev/api", "dev/db"]);
    assert.deepEqual(peersOf([{ pods: { namespaceSelector: {}, podSelector: api } }]), ["api", "dev/api"]);
    const east = { matchLabels: { "io.cilium.k8s.policy.cluster": "east" } };
    assert.deepEqual(peersOf([{ pods: { podSelector: east } }]), ["east/api"]);
  });

  test("are networks: addresses outside of the cluster", () => {
    assert.deepEqual(peersOf([{ networks: ["10.0.0.0/8", "fd00::/8"] }]), ["outside"]);
    assert.deepEqual(peersOf([{ networks: ["11.0.0.0/8"] }]), []);
  });

  test("are other nodes by their labels", () => {
    assert.deepEqual(peersOf([{ nodes: {} }]), ["node"]);
    assert.deepEqual(peersOf([{ nodes: { matchLabels: { zone: "b" } } }]), ["node"]);
    assert.deepEqual(peersOf([{ nodes: { matchLabels: { zone: "a" } } }]), []);
  });

  test("are domain names, at every depth; their DNS questions are allowed and seen", () => {
    const [questions, rule] = egress([{ domainNames: ["*.Example.com", "www.a.example."] }]);
    assert.deepEqual(selectedBy(rule?.peers, world), ["example"]);
    const names = [{ matchPattern: "**.example.com" }, { matchName: "www.a.example" }];
    assert.deepEqual(questions?.toPorts?.[0]?.l7, { parser: "dns", rules: names });
    assert.deepEqual(
      questions?.toPorts?.[0]?.ports.map(({ name }) => name),
      ["dns", "dns-tcp"],
    );
    assert.deepEqual(selectedBy(questions?.peers, { dns: ["k8s:k8s-app=kube-dns"] }), ["dns"]);
  });

  test("of several kinds add up in one rule", () => {
    assert.deepEqual(peersOf([{ namespaces: dev }, { networks: ["10.0.0.0/8"] }]), ["dev/api", "dev/db", "outside"]);
  });
});

test("protocols have numbers, ranges, or a named port; missing they are everything", () => {
  assert.equal(portsOf(undefined), undefined);
  assert.deepEqual(portsOf([{ tcp: { destinationPort: { number: 80 } } }]), [{ protocols: [6], first: 80, last: 80 }]);
  assert.deepEqual(portsOf([{ udp: { destinationPort: { range: { start: 5, end: 9 } } } }]), [
    { protocols: [17], first: 5, last: 9 },
  ]);
  assert.deepEqual(portsOf([{ sctp: { destinationPort: { number: 1 } } }, { destinationNamedPort: "Http" }]), [
    { protocols: [132], first: 1, last: 1 },
    { protocols: [6, 17, 132], first: 0, last: 0, name: "http" },
  ]);
});

test("mistakes are refused with path and expectation", () => {
  const refused = (spec: object | undefined, message: RegExp, reason: string) =>
    assertRefused(clusterNetworkPolicy, spec, message, reason);
  const rule = (item: object, direction = "egress") => ({ ...base, [direction]: [item] });
  const to = (...peers: unknown[]) => rule({ action: "Accept", to: peers });
  const protocol = (item: unknown, peer: object = all) => rule({ action: "Accept", to: [peer], protocols: [item] });
  refused(undefined, /spec is missing, expected an object with tier/, "no-spec");
  refused({ ...base, tier: "Default" }, /spec\.tier is "Default", expected one of Admin, Baseline/, "bad-type");
  refused({ ...base, priority: 1001 }, /spec\.priority is 1001, expected a whole number 0-1000/, "bad-type");
  refused({ ...base, subject: undefined }, /spec\.subject is missing/, "no-subject");
  refused(
    { ...base, subject: {} },
    /spec\.subject has no field, expected exactly one of namespaces, pods/,
    "no-subject",
  );
  refused({ ...base, subject: { namespaces: {}, pods: {} } }, /has namespaces and pods, expected/, "no-subject");
  refused({ ...base, subject: { pods: {} } }, /pods\.podSelector is missing/, "bad-selector");
  refused(rule({ action: "Allow", to: [all] }), /action is "Allow", expected one of Accept, Deny, Pass/, "bad-type");
  refused(rule({ to: [all] }), /action is missing/, "bad-type");
  refused(rule({ action: "Accept" }), /egress\[0\]\.to is missing, expected a list of 1 to 25 items/, "bad-type");
  refused(to(), /egress\[0\]\.to is an empty list, expected a list of 1 to 25/, "bad-type");
  refused(to({}), /to\[0\] has no field, expected exactly one of namespaces, pods, nodes/, "peer-combination");
  refused(to({ ...all, networks: ["10.0.0.0/8"] }), /to\[0\] has namespaces and networks/, "peer-combination");
  refused(to({ networks: ["10.0.0.0"] }), /networks\[0\] is "10\.0\.0\.0", expected a prefix/, "bad-cidr");
  refused(to({ nodes: {} }), /needs identities of nodes \(set enable-node-selector-labels\)/, "nodes-disabled");
  refused(to({ domainNames: ["a b"] }), /domainNames\[0\] is "a b", expected a domain name/, "bad-dns-name");
  refused(rule({ action: "Deny", to: [{ domainNames: ["a.b"] }] }), /with action Accept only/, "bad-dns-name");
  refused(rule({ action: "Accept", from: [{ networks: ["10.0.0.0/8"] }] }, "ingress"), /is unknown/, "unknown-field");
  refused(protocol({}), /protocols\[0\] has no field, expected exactly one of tcp, udp/, "bad-protocol");
  refused(protocol({ tcp: {} }), /tcp has no field, expected exactly one of destinationPort/, "bad-port");
  refused(protocol({ tcp: { destinationPort: { number: 0 } } }), /number is 0, expected a whole number 1/, "bad-port");
  const range = { range: { start: 9, end: 9 } };
  refused(protocol({ tcp: { destinationPort: range } }), /end is 9, expected a whole number 10-65535/, "bad-port");
  refused(
    protocol({ destinationNamedPort: "http" }, { networks: ["10.0.0.0/8"] }),
    /names a port, expected a number \(networks have no named ports\)/,
    "bad-port",
  );
  refused({ ...base, egress: Array.from({ length: 26 }, () => ({})) }, /spec\.egress is a list, expected/, "bad-type");
  refused(rule({ name: "x".repeat(101), action: "Accept", to: [all] }), /a name of at most 100/, "bad-type");
});
