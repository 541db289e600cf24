// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomNumbers } from "../../core/testing.ts";
import { reservedIdentityRows } from "../../identity/index.ts";
import { PolicyEngine } from "../engine/engine.ts";
import { decide } from "../entries/decide.ts";
import { cnp, pod, selector, tcp } from "../testing.ts";
import type { EndpointPolicy, PolicyFlow, PolicyIdentity } from "../types.ts";
import { diffPolicies, type FlowChange } from "./diff.ts";
import { RegionView } from "./regions.ts";

const web = pod(300, "default", "app=web");
const api = pod(301, "default", "app=api");
const db = pod(302, "default", "app=db");
const endpoints = [web, api, db];
const peers = [...endpoints, ...reservedIdentityRows()];

function engineWith(...policies: readonly unknown[]): PolicyEngine {
  const engine = new PolicyEngine();
  engine.upsertIdentities(peers);
  for (const policy of policies) engine.upsertPolicy(policy);
  return engine;
}

const ingress = (name: string, ...rules: unknown[]) =>
  cnp(name, { endpointSelector: selector("app=web"), ingress: rules });
const fromApi = { fromEndpoints: [selector("app=api")] };

function changes(before: readonly unknown[], after: readonly unknown[], scope = { endpoints, peers }): string[] {
  return diffPolicies(engineWith(...before), engineWith(...after), scope).map(brief);
}

function brief({ from, to, protocols, allBut, first, last, before, after }: FlowChange): string {
  const rule = after.rule ?? before.rule;
  return `${from}>${to} ${allBut ? "not" : ""}[${protocols}]/${first}-${last} ${before.verdict}>${after.verdict} ${rule?.section ?? "none"}`;
}

test("equal policies change nothing, in whatever words", () => {
  const policy = ingress("p", { ...fromApi, toPorts: [tcp(80)] });
  assert.deepEqual(changes([policy], [policy]), []);
  const split = ingress("q", { ...fromApi, toPorts: [tcp(80)] }, { ...fromApi, toPorts: [tcp(80, 80)] });
  assert.deepEqual(changes([policy], [split]), []);
});

test("a new policy takes away what it does not allow, on exactly those ports", () => {
  const found = changes([], [ingress("p", { ...fromApi, toPorts: [tcp(80)] })], { endpoints, peers: endpoints });
  assert.deepEqual(found, [
    "300>300 not[]/0-65535 allow>deny none",
    "301>300 not[6]/0-65535 allow>deny none",
    "301>300 [6]/0-79 allow>deny none",
    "301>300 [6]/81-65535 allow>deny none",
    "302>300 not[]/0-65535 allow>deny none",
  ]);
});

test("a wider range changes the added ports alone, and names the rule", () => {
  const range = (endPort: number) =>
    ingress("p", { ...fromApi, toPorts: [{ ports: [{ port: "80", endPort, protocol: "TCP" }] }] });
  assert.deepEqual(changes([range(89)], [range(99)]), ["301>300 [6]/90-99 deny>allow ingress[0].toPorts[0]"]);
  assert.deepEqual(changes([range(99)], [range(89)]), ["301>300 [6]/90-99 allow>deny ingress[0].toPorts[0]"]);
});

test("a default deny names the policies that made it, and the side", () => {
  const [change] = diffPolicies(engineWith(), engineWith(ingress("p", fromApi)), { endpoints, peers: endpoints });
  assert.deepEqual(change?.before, { verdict: "allow", direction: "ingress" });
  assert.deepEqual(change.after, { verdict: "deny", direction: "ingress", by: ["default/p"] });
});

test("protocols with the same change are told together, the rest as all but those", () => {
  const any = { ports: [{ port: "53", protocol: "ANY" }] };
  const found = changes([ingress("p", { ...fromApi, toPorts: [any] })], [ingress("p", fromApi)]);
  assert.deepEqual(found, [
    "301>300 not[6,17,132]/0-65535 deny>allow ingress[0]",
    "301>300 [6,17,132]/0-52 deny>allow ingress[0]",
    "301>300 [6,17,132]/54-65535 deny>allow ingress[0]",
  ]);
});

test("a flow that the other side denies anyway does not change", () => {
  const closed = cnp("closed", {
    endpointSelector: selector("app=api"),
    egress: [{ toEndpoints: [selector("app=db")] }],
  });
  const before = [closed, ingress("p", { fromEndpoints: [selector("app=db")] })];
  const after = [closed, ingress("p", { fromEndpoints: [selector("app=db")] }, fromApi)];
  assert.deepEqual(changes(before, after), []);
});

test("flows of and to the world count with the side that is ours", () => {
  const after = cnp("p", { endpointSelector: selector("app=db"), egress: [{ toEndpoints: [selector("app=web")] }] });
  const world = peers.filter(({ id }) => id === 2);
  assert.deepEqual(changes([], [after], { endpoints: [db], peers: [db, ...world] }), [
    "302>302 not[]/0-65535 allow>deny none",
    "302>2 not[]/0-65535 allow>deny none",
  ]);
});

const random = randomNumbers(23);
const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;

function randomPolicy(name: string): unknown {
  const port = pick(["0", "80", "81", "443", "8000"]);
  const ports = [{ port, endPort: Number(port) + pick([0, 1, 500]), protocol: pick(["TCP", "UDP", "ANY"]) }];
  const peer = pick(["web", "api", "db"]);
  const rule = (field: string) => ({
    [field]: [selector(`app=${peer}`)],
    ...(random() < 0.7 ? { toPorts: [{ ports }] } : {}),
  });
  const subject = selector(`app=${pick(["web", "api", "db"])}`);
  return random() < 0.5
    ? cnp(name, { endpointSelector: subject, ingress: [rule("fromEndpoints")] })
    : cnp(name, { endpointSelector: subject, egress: [rule("toEndpoints")] });
}

function passes(
  engine: PolicyEngine,
  from: PolicyIdentity,
  to: PolicyIdentity,
  flow: Omit<PolicyFlow, "direction">,
): boolean {
  const side = (local: PolicyIdentity, remote: PolicyIdentity, direction: "ingress" | "egress") => {
    const policy: EndpointPolicy = engine.resolveEndpoint(local.labels, local.id);
    const enforced = direction === "ingress" ? policy.ingressEnforced : policy.egressEnforced;
    return !enforced || decide(policy.entries, { ...flow, direction, identity: remote.id }).verdict === "allow";
  };
  return side(from, to, "egress") && side(to, from, "ingress");
}

test("property: the changes are exactly the flows whose verdicts differ", () => {
  const ports = [0, 1, 79, 80, 81, 82, 443, 500, 501, 580, 581, 943, 944, 8000, 8500, 8501, 65535];
  for (let round = 0; round < 40; round++) {
    const [before, after] = [0, 1].map(() =>
      engineWith(...Array.from({ length: 1 + Math.floor(random() * 4) }, (_, index) => randomPolicy(`p${index}`))),
    ) as [PolicyEngine, PolicyEngine];
    const found = diffPolicies(before, after, { endpoints, peers: endpoints });
    for (const [from, to] of endpoints.flatMap((a) => endpoints.map((b) => [a, b] as const))) {
      const pair = found.filter((change) => change.from === from.id && change.to === to.id);
      for (const [protocol, port] of [6, 17, 132, 1].flatMap((item) => ports.map((at) => [item, at] as const))) {
        const flow = { protocol, port, identity: 0 };
        const differs = passes(before, from, to, flow) !== passes(after, from, to, flow);
        const told = pair.filter((change) => covers(change, protocol, port));
        assert.equal(told.length, differs ? 1 : 0, `${from.id}>${to.id} ${protocol}/${port} in round ${round}`);
      }
    }
  }
});

function covers({ protocols, allBut, first, last }: FlowChange, protocol: number, port: number): boolean {
  return protocols.includes(protocol) !== allBut && first <= port && port <= last;
}

test("regions cover every port once, in order", () => {
  const engine = engineWith(ingress("p", { ...fromApi, toPorts: [tcp(80, 443, 8080)] }));
  const view = new RegionView(engine.resolveEndpoint(web.labels, web.id));
  const regions = view.regions("ingress", api.id);
  assert.deepEqual(
    regions.map(({ protocol, first, last, verdict }) => `${protocol}/${first}-${last} ${verdict}`),
    ["0/0-65535 deny", "6/0-79 deny", "6/80-80 allow", "6/81-442 deny", "6/443-443 allow", "6/444-8079 deny"].concat([
      "6/8080-8080 allow",
      "6/8081-65535 deny",
    ]),
  );
  assert.deepEqual(
    view.regions("egress", api.id).map(({ verdict }) => verdict),
    ["allow"],
  );
});
