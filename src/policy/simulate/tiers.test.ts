// SPDX-License-Identifier: Apache-2.0
// Administrators' tiers around everybody's policies, audited policies, and staged ones beside those in force.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PolicyEngine } from "../engine/engine.ts";
import { decide } from "../entries/decide.ts";
import { pod } from "../testing.ts";
import { app, ask, ports, web } from "./testing.ts";

const everyPod = { namespaces: { matchLabels: {} } };

function tiered(name: string, tier: string, priority: number, ...ingress: object[]): object {
  return {
    apiVersion: "policy.networking.k8s.io/v1alpha2",
    kind: "ClusterNetworkPolicy",
    metadata: { name },
    spec: { tier, priority, subject: everyPod, ingress },
  };
}

function rule(action: string, podName: string, port?: number): object {
  const peer = { pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: podName } } } };
  return {
    action,
    from: [peer],
    ...(port === undefined ? {} : { protocols: [{ tcp: { destinationPort: { number: port } } }] }),
  };
}

function ingress(manifests: readonly object[], ...flows: string[]): string[] {
  const texts = flows.map((text) => text.replace(" ", " > default/web "));
  return ask(manifests, texts).map((text) => text.replace(/^.* \| /, ""));
}

const api80 = "default/api TCP 80";
const api81 = "default/api TCP 81";
const own = (spec: object) => web("own", spec);

test("the admin tier decides before everybody's policies, the lowest priority first", () => {
  const closed = own({ ingress: [{}] });
  const open = own({ ingress: [{ fromEntities: ["all"] }] });
  assert.deepEqual(ingress([closed, tiered("a", "Admin", 10, rule("Accept", "api", 80))], api80, api81), [
    "allow",
    "deny",
  ]);
  assert.deepEqual(ingress([open, tiered("a", "Admin", 10, rule("Deny", "api", 80))], api80, api81), ["deny", "allow"]);
  const both = [tiered("a", "Admin", 20, rule("Accept", "api")), tiered("b", "Admin", 10, rule("Deny", "api", 80))];
  assert.deepEqual(ingress(both, api80, api81), ["deny", "allow"]);
  const reversed = [tiered("a", "Admin", 10, rule("Accept", "api")), tiered("b", "Admin", 20, rule("Deny", "api", 80))];
  assert.deepEqual(ingress(reversed, api80, api81), ["allow", "allow"]);
});

test("within a policy the first rule decides", () => {
  assert.deepEqual(ingress([tiered("a", "Admin", 1, rule("Accept", "api", 80), rule("Deny", "api"))], api80, api81), [
    "allow",
    "deny",
  ]);
  assert.deepEqual(ingress([tiered("a", "Admin", 1, rule("Deny", "api"), rule("Accept", "api", 80))], api80, api81), [
    "deny",
    "deny",
  ]);
});

test("pass leaves the rest of its tier out and asks the next one", () => {
  const admin = tiered("a", "Admin", 1, rule("Pass", "api", 80), rule("Deny", "api"));
  const baseline = tiered("b", "Baseline", 1, rule("Deny", "api"));
  assert.deepEqual(ingress([admin], api80, api81), ["allow", "deny"]);
  assert.deepEqual(ingress([admin, baseline], api80, api81), ["deny", "deny"]);
  assert.deepEqual(ingress([admin, baseline, own({ ingress: [{ fromEndpoints: [app("api")] }] })], api80, api81), [
    "allow",
    "deny",
  ]);
  assert.deepEqual(ingress([admin, own({ ingress: [{}] })], api80, api81), ["deny", "deny"]);
});

test("the baseline decides only where no policy of everybody's closes the pod", () => {
  const baseline = tiered("b", "Baseline", 1, rule("Accept", "api", 80), rule("Deny", "api"));
  assert.deepEqual(ingress([baseline], api80, api81, "default/db TCP 80"), ["allow", "deny", "allow"]);
  assert.deepEqual(ingress([baseline, own({ ingress: [{}] })], api80, api81), ["deny", "deny"]);
  const openDeny = own({ enableDefaultDeny: { ingress: false }, ingressDeny: [{ fromEndpoints: [app("db")] }] });
  assert.deepEqual(ingress([baseline, openDeny], api81, "default/db TCP 80"), ["deny", "deny"]);
});

/** Decisions of default/web on ingress from `app=api` and `app=db`, each `verdict rule staged rule`. */
function decisions(...manifests: object[]): string[] {
  const engine = new PolicyEngine();
  const peers = [pod(300, "default", "app=web"), pod(301, "default", "app=api"), pod(302, "default", "app=db")];
  engine.upsertIdentities(peers);
  for (const manifest of manifests) engine.upsertPolicy(manifest);
  const [subject] = peers;
  assert.ok(subject);
  const policy = engine.resolveEndpoint(subject.labels, subject.id);
  if (!policy.ingressEnforced) return ["not enforced"];
  const named = (cookie = 0) => engine.ruleOf(cookie)?.policy ?? "default";
  return [301, 302].map((identity) => {
    const { verdict, cookie, entry } = decide(policy.entries, {
      direction: "ingress",
      identity,
      protocol: 6,
      port: 80,
    });
    const staged = entry?.staged === undefined ? "" : ` / ${entry.staged.verdict} ${named(entry.staged.cookie)}`;
    return `${verdict} ${named(cookie)}${staged}`;
  });
}

function annotated(annotation: string, name: string, spec: object): object {
  const policy = web(name, spec) as { readonly metadata: object };
  return { ...policy, metadata: { ...policy.metadata, annotations: { [annotation]: "true" } } };
}
const staged = (name: string, spec: object) => annotated("policy.cilium.io/staged", name, spec);
const audited = (name: string, spec: object) => annotated("policy.cilium.io/audit", name, spec);
const allowApi = { ingress: [{ fromEndpoints: [app("api")], ...ports(["80/TCP"]) }] };
const denyApi = { ingressDeny: [{ fromEndpoints: [app("api")] }] };

test("a staged policy changes nothing, and its answer is beside each enforced one", () => {
  assert.deepEqual(decisions(staged("s", allowApi)), [
    "allow default / allow default/s",
    "allow default / default-deny default",
  ]);
  assert.deepEqual(decisions(web("p", allowApi), staged("s", denyApi)), [
    "allow default/p / deny default/s",
    "deny default / default-deny default",
  ]);
  assert.deepEqual(decisions(web("p", { ingress: [{}] }), staged("s", allowApi)), [
    "deny default / allow default/s",
    "deny default / default-deny default",
  ]);
  assert.deepEqual(decisions(web("p", allowApi)), ["allow default/p", "deny default"]);
});

test("what an audited policy alone denies is audited; what others deny stays denied", () => {
  assert.deepEqual(decisions(audited("a", allowApi)), ["allow default/a", "audit default"]);
  assert.deepEqual(decisions(audited("a", denyApi)), ["audit default/a", "audit default"]);
  assert.deepEqual(decisions(web("p", allowApi), audited("a", denyApi)), ["audit default/a", "deny default"]);
  assert.deepEqual(decisions(web("p", { ingress: [{}] }), audited("a", denyApi)), ["deny default/a", "deny default"]);
});
