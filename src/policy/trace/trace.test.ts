// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { reservedIdentityRows } from "../../identity/index.ts";
import { PolicyEngine } from "../engine/engine.ts";
import { cnp, pod, selector, tcp } from "../testing.ts";
import type { SideTrace } from "./trace.ts";

const web = pod(300, "default", "app=web");
const api = pod(301, "default", "app=api");

function trace(policies: readonly unknown[], port = 80): SideTrace {
  const engine = new PolicyEngine();
  engine.upsertIdentities([...reservedIdentityRows(), web, api]);
  for (const policy of policies) engine.upsertPolicy(policy);
  const flow = { direction: "ingress", localIdentity: web.id, remoteIdentity: api.id, protocol: 6, port } as const;
  return engine.traceFlow(web.labels, flow);
}

const fromApi = { fromEndpoints: [selector("app=api")] };
const spec = { endpointSelector: selector("app=web") };
const steps = ({ rules }: SideTrace) =>
  rules.map(
    ({ rule, missing, decided }) => `${rule.section}${decided ? "!" : ""} ${missing.map(({ field }) => field)}`,
  );

test("without a policy nothing is asked, and nothing enforced", () => {
  const found = trace([]);
  assert.deepEqual([found.verdict, found.enforced, found.policies, found.rules], ["allow", false, [], []]);
});

test("each rule says what it misses, and the one that decided is marked", () => {
  const rules = [
    { fromEndpoints: [selector("app=db")] },
    { ...fromApi, toPorts: [tcp(80)] },
    { ...fromApi, toPorts: [tcp(443)] },
  ];
  const found = trace([cnp("p", { ...spec, ingress: rules }), cnp("other", { ...spec, egress: [{}] })]);
  assert.deepEqual(steps(found), ["ingress[0] app", "ingress[1].toPorts[0]! ", "ingress[2].toPorts[0] port"]);
  assert.equal(found.rule?.section, "ingress[1].toPorts[0]");
  assert.equal(found.verdict, "allow");
  assert.deepEqual(
    found.policies.map(({ policy, defaultDeny }) => [policy, defaultDeny]),
    [["default/p", true]],
  );
});

test("a default deny names the policies that made it, and no rule", () => {
  const found = trace([cnp("p", { ...spec, ingress: [{ ...fromApi, toPorts: [tcp(80)] }] })], 81);
  assert.deepEqual([found.verdict, found.rule, found.defaultDenyBy], ["deny", undefined, ["default/p"]]);
  assert.deepEqual(steps(found), ["ingress[0].toPorts[0] port"]);
});

test("a denial decides over an allowance of the same flow", () => {
  const found = trace([cnp("p", { ...spec, ingress: [fromApi], ingressDeny: [{ ...fromApi, toPorts: [tcp(80)] }] })]);
  assert.equal(found.verdict, "deny");
  assert.deepEqual(
    found.rules.filter(({ decided }) => decided).map(({ rule, action }) => [rule.section, action]),
    [["ingressDeny[0].toPorts[0]", "deny"]],
  );
});

test("what a proxy has to check is said, and what a staged policy would answer", () => {
  const http = [{ method: "GET" }];
  const l7 = cnp("p", { ...spec, ingress: [{ ...fromApi, toPorts: [{ ...tcp(80), rules: { http } }] }] });
  const found = trace([l7]);
  assert.deepEqual([found.verdict, found.l7?.parser, found.l7?.rules], ["redirect", "http", http]);
  const deny = cnp("q", { ...spec, ingressDeny: [fromApi] });
  Object.assign(deny.metadata as object, { annotations: { "policy.cilium.io/staged": "true" } });
  const staged = trace([cnp("p", { ...spec, ingress: [fromApi] }), deny]);
  assert.deepEqual([staged.verdict, staged.staged?.verdict], ["allow", "deny"]);
  assert.deepEqual(
    staged.rules.map(({ stage }) => stage),
    ["enforced", "staged"],
  );
});
