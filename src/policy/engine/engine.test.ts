// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Labels } from "../../core/index.ts";
import { Identity, reservedIdentityRows } from "../../identity/index.ts";
import { cookieHost } from "../entries/cookies.ts";
import { decide } from "../entries/decide.ts";
import { cnp, pod, podLabelSet, selector, tcp } from "../testing.ts";
import type { Direction, EnforcementMode, PolicyEntry, PolicyIdentity } from "../types.ts";
import { type AffectedEndpoints, PolicyEngine } from "./engine.ts";

const web = pod(300, "default", "app=web");
const api = pod(301, "default", "app=api");
const db = pod(302, "default", "app=db");
const other = pod(303, "prod", "app=api");

function engineWith(...policies: unknown[]): PolicyEngine {
  return engineIn("default", ...policies);
}

function engineIn(mode: EnforcementMode, ...policies: unknown[]): PolicyEngine {
  const engine = new PolicyEngine({ mode });
  engine.upsertIdentities([...reservedIdentityRows(), web, api, db, other]);
  for (const policy of policies) engine.upsertPolicy(policy);
  return engine;
}

function resolve(engine: PolicyEngine, endpoint: PolicyIdentity = web) {
  return engine.resolveEndpoint(endpoint.labels, endpoint.id);
}

function verdict(
  engine: PolicyEngine,
  direction: Direction,
  remote: number,
  port = 80,
  protocol = 6,
  local = web,
): string {
  const policy = resolve(engine, local);
  if (!(direction === "ingress" ? policy.ingressEnforced : policy.egressEnforced)) return "allow";
  return decide(policy.entries, { direction, identity: remote, protocol, port }).verdict;
}

const brief = (entries: readonly PolicyEntry[]) =>
  entries.map((entry) => `${entry.direction} ${entry.identity} ${entry.protocol}/${entry.port}/${entry.portPrefix}`);

describe("default deny", () => {
  test("no policy: nothing is enforced, and there are no entries", () => {
    const policy = resolve(engineWith());
    assert.deepEqual([policy.ingressEnforced, policy.egressEnforced, policy.entries], [false, false, []]);
  });

  test("a rule makes its own direction default deny, for the endpoints that it selects", () => {
    const engine = engineWith(cnp("p", { endpointSelector: selector("app=web"), ingress: [{ fromEndpoints: [{}] }] }));
    const policy = resolve(engine);
    assert.deepEqual([policy.ingressEnforced, policy.egressEnforced], [true, false]);
    assert.deepEqual(policy.defaultDenyBy, { ingress: ["default/p"], egress: [] });
    assert.equal(resolve(engine, api).ingressEnforced, false);
  });

  test("ingress: [{}] allows nothing, and switches default deny on", () => {
    const engine = engineWith(cnp("p", { endpointSelector: {}, ingress: [{}] }));
    assert.equal(resolve(engine).ingressEnforced, true);
    assert.deepEqual(brief(resolve(engine).entries), [`ingress ${Identity.host} 0/0/0`]);
    assert.equal(verdict(engine, "ingress", api.id), "deny");
  });

  test("an empty rule list of one direction switches nothing on there", () => {
    const engine = engineWith(cnp("p", { endpointSelector: {}, ingress: [], egress: [{}] }));
    assert.deepEqual([resolve(engine).ingressEnforced, resolve(engine).egressEnforced], [false, true]);
  });

  test("enableDefaultDeny: false leaves a direction open, unless another policy closes it", () => {
    const rule = { endpointSelector: {}, ingress: [{ fromEndpoints: [selector("app=api")] }] };
    const open = cnp("open", { ...rule, enableDefaultDeny: { ingress: false } });
    assert.equal(resolve(engineWith(open)).ingressEnforced, false);
    const engine = engineWith(
      open,
      cnp("closed", { endpointSelector: {}, ingress: [{ fromEndpoints: [selector("app=db")] }] }),
    );
    assert.deepEqual(resolve(engine).defaultDenyBy.ingress, ["default/closed"]);
    assert.deepEqual([verdict(engine, "ingress", api.id), verdict(engine, "ingress", db.id)], ["allow", "allow"]);
  });

  test("enableDefaultDeny: true has no effect without rules", () => {
    const spec = { endpointSelector: {}, ingress: [{}], enableDefaultDeny: { ingress: true, egress: true } };
    assert.equal(resolve(engineWith(cnp("p", spec))).egressEnforced, false);
  });

  test("mode always denies without any policy; mode never allows with any", () => {
    const policy = cnp("p", { endpointSelector: selector("app=web"), ingress: [{}] });
    assert.deepEqual(
      [verdict(engineIn("always"), "ingress", api.id), verdict(engineIn("always"), "egress", api.id)],
      ["deny", "deny"],
    );
    assert.equal(verdict(engineIn("never", policy), "ingress", api.id), "allow");
    assert.deepEqual(resolve(engineIn("always")).defaultDenyBy.ingress, []);
  });

  test("pods whose labels are not known yet are closed both ways", () => {
    const init = { id: Identity.init, labels: Labels.parse(["reserved:init"]) };
    const policy = resolve(engineWith(), init);
    assert.deepEqual([policy.ingressEnforced, policy.egressEnforced, policy.entries], [true, true, []]);
    assert.equal(resolve(engineIn("never"), init).ingressEnforced, false);
  });
});

describe("the local host", () => {
  test("may always reach pods that an ingress rule selects, under a cookie of its own", () => {
    const engine = engineWith(cnp("p", { endpointSelector: {}, ingress: [{ toPorts: [tcp(80)] }] }));
    const decision = decide(resolve(engine).entries, {
      direction: "ingress",
      identity: Identity.host,
      protocol: 1,
      port: 8,
    });
    assert.deepEqual([decision.verdict, decision.cookie], ["allow", cookieHost]);
    assert.equal(engine.ruleOf(cookieHost)?.section, "host");
  });

  test("is denied with mode always where no ingress rule is, and has no right in egress", () => {
    assert.equal(verdict(engineIn("always"), "ingress", Identity.host), "deny");
    const ingress = cnp("p", { endpointSelector: {}, ingress: [{}] });
    assert.equal(verdict(engineIn("always", ingress), "ingress", Identity.host), "allow");
    const engine = engineWith(cnp("p", { endpointSelector: {}, egress: [{ toEndpoints: [{}] }] }));
    assert.equal(verdict(engine, "egress", Identity.host), "deny");
  });
});

describe("peers and ports", () => {
  const ingress = (...rules: unknown[]) =>
    engineWith(cnp("p", { endpointSelector: selector("app=web"), ingress: rules }));

  test("an empty list of peers is nobody, also beside ports", () => {
    assert.equal(verdict(ingress({ fromEndpoints: [] }), "ingress", api.id), "deny");
    assert.equal(verdict(ingress({ fromEndpoints: [], toPorts: [tcp(80)] }), "ingress", api.id), "deny");
  });

  test("no list of peers beside ports is anybody, the world too", () => {
    const engine = ingress({ toPorts: [tcp(80)] });
    for (const id of [api.id, other.id, Identity.world, Identity.worldIpv4, Identity.remoteNode, 4242]) {
      assert.equal(verdict(engine, "ingress", id), "allow");
      assert.equal(verdict(engine, "ingress", id, 81), "deny");
    }
    assert.ok(brief(resolve(engine).entries).includes("ingress 0 6/80/16"));
  });

  test("a toPorts item without ports allows nothing, beside others takes nothing away", () => {
    for (const item of [{}, { ports: [] }]) {
      assert.equal(verdict(ingress({ fromEndpoints: [{}], toPorts: [item] }), "ingress", api.id), "deny");
      assert.equal(verdict(ingress({ fromEndpoints: [{}], toPorts: [item, tcp(80)] }), "ingress", api.id), "allow");
      assert.equal(verdict(ingress({ fromEndpoints: [{}], toPorts: [item, tcp(80)] }), "ingress", api.id, 81), "deny");
    }
  });

  test("an empty list of toPorts is no limit", () => {
    assert.equal(verdict(ingress({ fromEndpoints: [{}], toPorts: [] }), "ingress", api.id, 81), "allow");
    assert.equal(verdict(ingress({ toPorts: [] }), "ingress", api.id), "deny");
  });

  test("only a rule without ports covers ICMP", () => {
    const icmp = 1;
    assert.equal(verdict(ingress({ fromEndpoints: [{}] }), "ingress", api.id, 8, icmp), "allow");
    const every = { ports: [{ port: "0", protocol: "ANY" }] };
    assert.equal(verdict(ingress({ fromEndpoints: [{}], toPorts: [every] }), "ingress", api.id, 8, icmp), "deny");
    assert.equal(verdict(ingress({ fromEndpoints: [{}], toPorts: [every] }), "ingress", api.id, 4321, 132), "allow");
  });

  test("ranges hold up to their borders", () => {
    const engine = ingress({ toPorts: [{ ports: [{ port: "1000", endPort: 1999, protocol: "UDP" }] }] });
    const verdicts = [999, 1000, 1999, 2000].map((port) => verdict(engine, "ingress", api.id, port, 17));
    assert.deepEqual(verdicts, ["deny", "allow", "allow", "deny"]);
    assert.equal(verdict(engine, "ingress", api.id, 1500, 6), "deny");
  });

  test("rules of several policies and specs add up", () => {
    const engine = engineWith(cnp("a", { endpointSelector: {}, ingress: [{ fromEndpoints: [selector("app=api")] }] }), {
      ...cnp("b", undefined),
      specs: [{ endpointSelector: {}, ingress: [{ fromEndpoints: [selector("app=db")] }] }],
    });
    assert.deepEqual(
      [api, db, other].map((peer) => verdict(engine, "ingress", peer.id)),
      ["allow", "allow", "deny"],
    );
    assert.deepEqual(resolve(engine).defaultDenyBy.ingress, ["default/a", "default/b"]);
  });
});

test("threats: a selector that selects nobody never allows all", () => {
  const nobody = [selector("app=nobody"), { matchExpressions: [{ key: "app", operator: "In", values: ["x", "y"] }] }];
  for (const direction of ["ingress", "egress"] as const) {
    const field = direction === "ingress" ? "fromEndpoints" : "toEndpoints";
    for (const peers of [[], [nobody[0]], nobody]) {
      for (const ports of [{}, { toPorts: [tcp(80)] }]) {
        const engine = engineWith(cnp("p", { endpointSelector: {}, [direction]: [{ [field]: peers, ...ports }] }));
        const policy = resolve(engine);
        assert.deepEqual(brief(policy.entries), direction === "ingress" ? [`ingress ${Identity.host} 0/0/0`] : []);
        for (const id of [0, api.id, Identity.world, 4242]) assert.equal(verdict(engine, direction, id), "deny");
        assert.equal(
          policy.entries.some(({ identity }) => identity === 0),
          false,
        );
      }
    }
  }
});

test("threats: what a policy selected stays closed when the last peer's identity goes", () => {
  const engine = engineWith(
    cnp("p", { endpointSelector: selector("app=web"), ingress: [{ fromEndpoints: [selector("app=api")] }] }),
  );
  assert.equal(verdict(engine, "ingress", api.id), "allow");
  engine.removeIdentity(api.id);
  assert.equal(verdict(engine, "ingress", api.id), "deny");
  assert.equal(resolve(engine).ingressEnforced, true);
});

test("threats: a policy reaches no pod of another namespace, as subject or as peer that it did not name", () => {
  const engine = engineWith(
    cnp("p", {
      endpointSelector: { matchLabels: { "k8s:io.kubernetes.pod.namespace": "prod" } },
      ingress: [{ fromEndpoints: [{}] }],
    }),
  );
  assert.equal(resolve(engine, other).ingressEnforced, false);
  assert.equal(verdict(engine, "ingress", other.id), "deny");
  assert.equal(verdict(engine, "ingress", api.id), "allow");
});

test("threats: pod labels that look like namespaces, sources or reserved names match nothing more", () => {
  const crafted = {
    id: 400,
    labels: podLabelSet("prod", "k8s:app=api", "k8s:reserved=host", "k8s:host=", "unspec:x=y"),
  };
  const engine = engineWith(
    cnp("p", {
      endpointSelector: {},
      ingress: [{ fromEndpoints: [selector("app=api"), selector("reserved:host="), selector("reserved:world=")] }],
    }),
  );
  engine.upsertIdentity(crafted);
  assert.equal(verdict(engine, "ingress", crafted.id), "deny");
  assert.equal(verdict(engine, "ingress", Identity.world), "allow");
});

describe("changes", () => {
  const allowApi = (port: number) =>
    cnp("p", {
      endpointSelector: selector("app=web"),
      ingress: [{ fromEndpoints: [selector("app=api")], toPorts: [tcp(port)] }],
    });

  function watched(...policies: unknown[]): { engine: PolicyEngine; seen: AffectedEndpoints[] } {
    const engine = engineWith(...policies);
    for (const endpoint of [web, api, db]) resolve(engine, endpoint);
    const seen: AffectedEndpoints[] = [];
    engine.onAffected((affected) => seen.push(affected));
    return { engine, seen };
  }

  test("a policy concerns the endpoints that it selects, or did", () => {
    const { engine, seen } = watched();
    engine.upsertPolicy(allowApi(80));
    engine.upsertPolicy({ ...allowApi(80), spec: { endpointSelector: selector("app=db"), ingress: [{}] } });
    assert.deepEqual(
      seen.map((affected) => [affected.reason, affected.identities]),
      [
        ["policy", [300]],
        ["policy", [300, 302]],
      ],
    );
    engine.deletePolicy("CiliumNetworkPolicy/default/p");
    assert.deepEqual(seen.at(-1)?.identities, [302]);
    assert.equal(engine.deletePolicy("CiliumNetworkPolicy/default/p"), undefined);
    assert.equal(seen.length, 3);
  });

  test("an equal policy again changes nothing, a bad one neither", () => {
    const { engine, seen } = watched(allowApi(80));
    const { revision } = engine;
    engine.upsertPolicy(allowApi(80));
    assert.throws(() => engine.upsertPolicy(allowApi(70000)), /is "70000"/);
    assert.deepEqual([engine.revision, seen], [revision, []]);
    assert.equal(verdict(engine, "ingress", api.id), "allow");
  });

  test("an identity concerns the endpoints whose selectors it enters or leaves, entry by entry", () => {
    const { engine, seen } = watched(allowApi(80));
    const before = { ...resolve(engine) };
    engine.upsertIdentities([pod(500, "default", "app=api", "v=2"), pod(501, "default", "app=x")]);
    const change = seen[0]?.changes?.get(web.id);
    assert.deepEqual(brief(change?.added ?? []), ["ingress 500 6/80/16"]);
    assert.deepEqual(change?.removed, []);
    assert.deepEqual(
      seen.map((affected) => [affected.reason, affected.identities]),
      [["identity", [300]]],
    );
    assert.notEqual(resolve(engine).fingerprint, before.fingerprint);
    assert.equal(resolve(engine).revision, before.revision);
    engine.removeIdentities([500, 501]);
    assert.deepEqual(brief(seen[1]?.changes?.get(web.id)?.removed ?? []), ["ingress 500 6/80/16"]);
    assert.deepEqual(resolve(engine), before);
  });

  test("an identity that a rule for anybody covers already concerns nobody", () => {
    const covering = cnp("q", { endpointSelector: selector("app=web"), ingress: [{ toPorts: [tcp(80)] }] });
    const { engine, seen } = watched(allowApi(80), covering);
    engine.upsertIdentity(pod(500, "default", "app=api", "v=2"));
    assert.deepEqual(seen, []);
    assert.equal(verdict(engine, "ingress", 500), "allow");
  });

  test("the mode concerns every endpoint", () => {
    const { engine, seen } = watched();
    engine.setMode("always");
    engine.setMode("always");
    assert.deepEqual(
      seen.map((affected) => [affected.reason, affected.identities]),
      [["mode", [300, 301, 302]]],
    );
    assert.equal(resolve(engine).ingressEnforced, true);
  });

  test("an endpoint that is forgotten concerns nobody", () => {
    const { engine, seen } = watched();
    engine.forgetEndpoint(web.id);
    engine.upsertPolicy(allowApi(80));
    assert.deepEqual(seen, []);
  });

  test("selectors and cookies go with their policy; a rule keeps its cookie while its policy stays", () => {
    const { engine } = watched(allowApi(80));
    const cookie = resolve(engine).entries.find((entry) => entry.identity === api.id)?.cookie;
    assert.ok(cookie);
    engine.upsertPolicy(allowApi(81));
    assert.equal(resolve(engine).entries.find((entry) => entry.identity === api.id)?.cookie, cookie);
    assert.deepEqual(
      engine.selectors().map((row) => [row.labels, row.users, row.identities]),
      [[["default/p"], 1, [api.id]]],
    );
    engine.deletePolicy("CiliumNetworkPolicy/default/p");
    assert.deepEqual(engine.selectors(), []);
    assert.equal(engine.ruleOf(cookie)?.section, "ingress[0].toPorts[0]");
  });

  test("the order of policies and identities does not matter", () => {
    const policies = ["a", "b", "c"].map((name, index) =>
      cnp(name, { endpointSelector: {}, ingress: [{ fromEndpoints: [{}], toPorts: [tcp(80, 81 + index)] }] }),
    );
    const rules = (order: unknown[]) => {
      const engine = new PolicyEngine();
      for (const policy of order) engine.upsertPolicy(policy);
      engine.upsertIdentities([web, api]);
      const { entries, defaultDenyBy } = resolve(engine);
      return {
        defaultDenyBy,
        entries: entries.map(({ cookie, ...entry }) => ({ ...entry, rule: engine.ruleOf(cookie) })),
      };
    };
    assert.deepEqual(rules(policies.toReversed()), rules(policies));
  });

  test("endpoints with equal entries have equal fingerprints", () => {
    const engine = engineWith(cnp("p", { endpointSelector: {}, ingress: [{ fromEndpoints: [{}] }] }));
    assert.equal(resolve(engine, web).fingerprint, resolve(engine, api).fingerprint);
    assert.equal(resolve(engine, web).entries, resolve(engine, api).entries);
    assert.notEqual(resolve(engine, web).fingerprint, resolve(engine, other).fingerprint);
  });
});
