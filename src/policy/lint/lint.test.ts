// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { reservedIdentityRows } from "../../identity/index.ts";
import { PolicyEngine } from "../engine/engine.ts";
import { parsePolicy } from "../parse/policy.ts";
import { cnp, pod, selector, tcp } from "../testing.ts";
import { lintPolicies } from "./lint.ts";
import type { LintFinding } from "./types.ts";

const endpoints = [pod(300, "default", "app=web"), pod(301, "default", "app=api"), pod(302, "default", "app=db")];
const peers = [...endpoints, ...reservedIdentityRows()];

function findings(...policies: readonly unknown[]): readonly LintFinding[] {
  return lintPolicies({
    policies: policies.map((policy) => parsePolicy(policy)),
    endpoints,
    peers,
    createEngine: (overrides) => {
      const engine = new PolicyEngine(overrides);
      engine.upsertIdentities(peers);
      return engine;
    },
  });
}

const lint = (...policies: readonly unknown[]) =>
  findings(...policies).map(
    ({ kind, policy, section, others }) =>
      `${kind} ${policy} ${section}${others.map((other) => ` ${other.policy}:${other.section}`).join("")}`,
  );
const web = selector("app=web");
const fromApi = { fromEndpoints: [selector("app=api")] };
const ingress = (name: string, ...rules: unknown[]) => cnp(name, { endpointSelector: web, ingress: rules });

test("rules that each do something are fine, and so is one that only isolates", () => {
  assert.deepEqual(lint(ingress("p", { ...fromApi, toPorts: [tcp(80)] }), ingress("q", {})), []);
});

test("subjects and peers that nobody has are told", () => {
  assert.deepEqual(lint(cnp("p", { endpointSelector: selector("app=wbe"), ingress: [fromApi] })), [
    "selects-nothing default/p spec",
  ]);
  assert.deepEqual(lint(ingress("p", { fromEndpoints: [selector("app=aip")] })), [
    "selects-nothing default/p ingress[0]",
  ]);
});

test("rules for everybody on every port are told", () => {
  const all = { ports: [{ port: "0", protocol: "ANY" }] };
  assert.deepEqual(lint(ingress("p", { toPorts: [all] })), ["covers-everything default/p ingress[0]"]);
  assert.deepEqual(lint(ingress("p", { ...fromApi, toPorts: [all] })), []);
  assert.deepEqual(lint(ingress("p", { toPorts: [tcp(0)] })), []);
});

test("a rule is dead when others, together, allow all of it", () => {
  const range = (port: number, endPort: number) => ({
    ...fromApi,
    toPorts: [{ ports: [{ port: String(port), endPort, protocol: "TCP" }] }],
  });
  const found = lint(ingress("p", range(80, 90)), ingress("q", range(70, 84), range(85, 100)));
  assert.deepEqual(found, [
    "dead default/p ingress[0] default/q:ingress[0].toPorts[0] default/q:ingress[1].toPorts[0]",
  ]);
  assert.deepEqual(lint(ingress("p", range(80, 90)), ingress("q", range(70, 84), range(86, 100))), []);
});

test("a rule is dead where everything is allowed anyway", () => {
  const spec = { endpointSelector: web, ingress: [fromApi], enableDefaultDeny: { ingress: false } };
  const [found] = findings(cnp("p", spec));
  assert.equal(found?.kind, "dead");
  assert.equal(found.message, "changes nothing: its flows are allowed without it, by default");
});

test("equal rules are dead both, each because of the other", () => {
  assert.deepEqual(lint(ingress("p", fromApi), ingress("q", fromApi)), [
    "dead default/p ingress[0] default/q:ingress[0]",
    "dead default/q ingress[0] default/p:ingress[0]",
  ]);
});

test("deny rules shadow what they deny, and contradict what they take a part of", () => {
  const deny = cnp("deny", { endpointSelector: web, ingressDeny: [{ ...fromApi, toPorts: [tcp(80)] }] });
  assert.deepEqual(lint(ingress("p", { ...fromApi, toPorts: [tcp(80)] }), deny), [
    "shadowed default/p ingress[0] default/deny:ingressDeny[0].toPorts[0]",
    "contradicting default/deny ingressDeny[0] default/p:ingress[0].toPorts[0]",
  ]);
  assert.deepEqual(lint(ingress("p", { ...fromApi, toPorts: [tcp(80, 81)] }), deny), [
    "contradicting default/deny ingressDeny[0] default/p:ingress[0].toPorts[0]",
  ]);
});

test("a deny rule is dead where nothing would allow it anyway", () => {
  const deny = cnp("deny", { endpointSelector: web, ingressDeny: [fromApi] });
  const [found] = findings(deny, ingress("p", { fromEndpoints: [selector("app=db")] }));
  assert.equal(found?.kind, "dead");
  assert.equal(found.message, "changes nothing: its flows are denied without it, by default");
});

test("rules that cannot be merged are a conflict, and nothing else is said of the endpoints that they close", () => {
  const port = { ports: [{ port: "80", protocol: "TCP" }] };
  const l7 = (rules: object) => ({ ...fromApi, toPorts: [{ ...port, rules }] });
  const kafka = l7({ l7proto: "r2d2", l7: [{ cmd: "READ" }] });
  const found = findings(ingress("p", l7({ http: [{}] })), ingress("q", kafka));
  assert.deepEqual(
    found.map(({ kind }) => kind),
    ["conflict"],
  );
  assert.match(found[0]?.message ?? "", /default\/p.*default\/q.*identities 300 are closed/);
});

test("a rule of an earlier tier shadows one of the policies' own", () => {
  const pods = { pods: { namespaceSelector: {}, podSelector: web } };
  const admin = {
    apiVersion: "policy.networking.k8s.io/v1alpha2",
    kind: "ClusterNetworkPolicy",
    metadata: { name: "admin" },
    spec: { tier: "Admin", priority: 1, subject: pods, ingress: [{ action: "Deny", from: [{ namespaces: {} }] }] },
  };
  const found = lint(ingress("p", fromApi), admin);
  assert.equal(found[0], "shadowed default/p ingress[0] admin:ingress[0]");
});
