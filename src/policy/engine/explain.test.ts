// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels } from "../../core/index.ts";
import { cnp, pod, selector, tcp } from "../testing.ts";
import { PolicyEngine } from "./engine.ts";
import type { DropExplanation, DropQuestion } from "./explain.ts";

const deathstar = pod(300, "default", "org=empire", "class=deathstar");
const tiefighter = pod(301, "default", "org=empire", "class=tiefighter");
const xwing = pod(302, "default", "org=alliance", "class=xwing");
const rule1 = cnp("rule1", {
  description: "empire lands",
  endpointSelector: selector("org=empire", "class=deathstar"),
  ingress: [
    { fromEndpoints: [selector("org=empire", "rank=grand-moff")] },
    { fromEndpoints: [selector("org=empire")], toPorts: [tcp(80)] },
  ],
});

function explain(question: Partial<DropQuestion>, ...policies: unknown[]): DropExplanation {
  const engine = new PolicyEngine();
  engine.upsertIdentities([deathstar, tiefighter, xwing]);
  for (const policy of policies) engine.upsertPolicy(policy);
  engine.resolveEndpoint(deathstar.labels, deathstar.id);
  return engine.explainDrop({
    direction: "ingress",
    localIdentity: deathstar.id,
    remoteIdentity: xwing.id,
    protocol: 6,
    port: 80,
    ...question,
  });
}

function miss(explanation: DropExplanation): unknown {
  assert.ok("nearestMiss" in explanation, JSON.stringify(explanation));
  return [explanation.nearestMiss?.rule.section, explanation.nearestMiss?.fields];
}

test("default deny names its policies and the label that was missing", () => {
  const explanation = explain({}, rule1, cnp("rule0", { endpointSelector: {}, ingress: [{}] }));
  assert.ok("by" in explanation);
  assert.deepEqual([explanation.default, explanation.by], ["deny", ["default/rule0", "default/rule1"]]);
  assert.deepEqual(miss(explanation), [
    "ingress[1].toPorts[0]",
    [{ field: "org", expected: "org=empire", found: "org=alliance" }],
  ]);
  assert.equal(explanation.nearestMiss?.rule.policy, "default/rule1");
  assert.equal(explanation.nearestMiss?.rule.description, "empire lands");
});

test("the nearest miss differs in the fewest fields, the first of equal ones", () => {
  assert.deepEqual(miss(explain({ remoteIdentity: tiefighter.id, port: 8080 }, rule1)), [
    "ingress[0]",
    [{ field: "rank", expected: "rank=grand-moff", found: "no rank" }],
  ]);
});

test("ports and protocols are told apart", () => {
  const ports = {
    ports: [
      { port: "80", protocol: "TCP" },
      { port: "1000", endPort: 2000, protocol: "UDP" },
    ],
  };
  const policy = cnp("p", { endpointSelector: {}, ingress: [{ toPorts: [ports] }] });
  assert.deepEqual(miss(explain({ port: 81 }, policy)), [
    "ingress[0].toPorts[0]",
    [{ field: "port", expected: "80", found: "81" }],
  ]);
  assert.deepEqual(miss(explain({ port: 80, protocol: 132 }, policy)), [
    "ingress[0].toPorts[0]",
    [{ field: "protocol", expected: "TCP", found: "SCTP" }],
  ]);
  assert.deepEqual(miss(explain({ port: 8, protocol: 1 }, policy)), [
    "ingress[0].toPorts[0]",
    [
      { field: "port", expected: "80, 1000-2000", found: "8" },
      { field: "protocol", expected: "TCP, UDP", found: "ICMP" },
    ],
  ]);
});

test("an identity whose labels are not known is said to be so", () => {
  const policy = cnp("p", { endpointSelector: {}, ingress: [{ fromEndpoints: [selector("org=empire")] }] });
  assert.deepEqual(miss(explain({ remoteIdentity: 9999 }, policy)), [
    "ingress[0]",
    [
      {
        field: "peer",
        expected: "org=empire, k8s:io.cilium.k8s.policy.cluster=default, k8s:io.kubernetes.pod.namespace=default",
        found: "identity 9999, whose labels are not known",
      },
    ],
  ]);
});

test("rules that allow nobody or nothing are no near miss", () => {
  const rules = [
    {},
    { fromEndpoints: [] },
    { fromEndpoints: [], toPorts: [tcp(80)] },
    { fromEndpoints: [{}], toPorts: [{}] },
  ];
  for (const rule of rules) {
    const explanation = explain({}, cnp("p", { endpointSelector: {}, ingress: [rule] }));
    assert.deepEqual(explanation, { default: "deny", by: ["default/p"] }, JSON.stringify(rule));
  }
});

test("what has changed since the drop is said", () => {
  assert.deepEqual(explain({}), { default: "allow" });
  assert.deepEqual(explain({ direction: "egress" }, rule1), { default: "allow" });
  assert.deepEqual(explain({ localIdentity: 9999 }, rule1), { default: "unknown" });
  const allowed = explain({ remoteIdentity: tiefighter.id }, rule1);
  assert.ok("rule" in allowed);
  assert.deepEqual([allowed.verdict, allowed.rule.section], ["allow", "ingress[1].toPorts[0]"]);
});

test("an endpoint that nobody resolved is explained by its identity's labels", () => {
  const engine = new PolicyEngine();
  engine.upsertIdentities([deathstar, tiefighter, xwing]);
  engine.upsertPolicy(rule1);
  const question = { direction: "ingress", localIdentity: 300, protocol: 6, port: 80 } as const;
  const denied = engine.explainDrop({ ...question, remoteIdentity: xwing.id });
  assert.deepEqual("by" in denied && denied.by, ["default/rule1"]);
  const allowed = engine.explainDrop({ ...question, remoteIdentity: tiefighter.id });
  assert.deepEqual("rule" in allowed && allowed.verdict, "allow");
});

test("addresses, names, named ports and ICMP types that were missing are said in words", () => {
  const outside = { id: 16777217, labels: Labels.parse(["reserved:world-ipv4", "cidr:10.1.2.3/32"]) };
  const policy = (rule: object) => cnp("p", { endpointSelector: {}, egress: [rule] });
  const missing = (rule: object, question: Partial<DropQuestion> = {}) => {
    const engine = new PolicyEngine();
    engine.upsertIdentities([deathstar, xwing, outside]);
    engine.setNamedPorts(xwing.id, [{ name: "http", protocol: 6, port: 8080 }]);
    engine.upsertPolicy(policy(rule));
    const base = { localIdentity: deathstar.id, remoteIdentity: outside.id, protocol: 6, port: 80 };
    return miss(engine.explainDrop({ direction: "egress", ...base, ...question }));
  };
  assert.deepEqual(missing({ toCIDRSet: [{ cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] }] }), [
    "egress[0]",
    [{ field: "address", expected: "10.0.0.0/8 except 10.1.0.0/16", found: "10.1.2.3/32" }],
  ]);
  assert.deepEqual(missing({ toCIDR: ["10.0.0.0/8"] }, { remoteIdentity: xwing.id }), [
    "egress[0]",
    [{ field: "address", expected: "10.0.0.0/8", found: "no address outside of the cluster" }],
  ]);
  assert.deepEqual(missing({ toFQDNs: [{ matchPattern: "*.example" }] }), [
    "egress[0]",
    [{ field: "name", expected: "*.example", found: "no known name" }],
  ]);
  const named = { toPorts: [{ ports: [{ port: "http", protocol: "TCP" }] }] };
  assert.deepEqual(missing(named, { remoteIdentity: xwing.id }), [
    "egress[0].toPorts[0]",
    [{ field: "port", expected: "http", found: "80" }],
  ]);
  const echo = { icmps: [{ fields: [{ type: 8, family: "IPv4" }] }] };
  assert.deepEqual(missing(echo, { protocol: 1, port: 3 }), [
    "egress[0].icmps[0]",
    [{ field: "type", expected: "8", found: "3" }],
  ]);
});

test("a deny rule is no near miss; it is named when it decides", () => {
  const deny = cnp("p", {
    endpointSelector: selector("class=deathstar"),
    ingress: [{ fromEndpoints: [selector("org=empire")] }],
    ingressDeny: [{ fromEndpoints: [selector("org=alliance")], toPorts: [tcp(80)] }],
  });
  const denied = explain({}, deny);
  assert.ok("rule" in denied);
  assert.deepEqual([denied.verdict, denied.rule.section], ["deny", "ingressDeny[0].toPorts[0]"]);
  assert.deepEqual(miss(explain({ port: 81 }, deny)), [
    "ingress[0]",
    [{ field: "org", expected: "org=empire", found: "org=alliance" }],
  ]);
});

test("an endpoint whose policy cannot be computed is said to be so", () => {
  const modes = ["required", "disabled"].map((mode) => ({ authentication: { mode }, fromEndpoints: [{}] }));
  const explanation = explain({}, cnp("p", { endpointSelector: {}, ingress: modes }));
  assert.match(
    "error" in explanation ? (explanation.error ?? "") : "",
    /authentication required and disabled .*default\/p/,
  );
});
