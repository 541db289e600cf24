// SPDX-License-Identifier: Apache-2.0
// Denies, ports, named ports, ICMP, default deny and the local host against each other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { app, ask, clusterwide, ports, testPod, web } from "./testing.ts";

/** Ingress verdicts of default/web for each `PEER PROTO PORT`. */
function ingress(manifests: readonly unknown[], flows: readonly string[], more = {}): string[] {
  const texts = flows.map((text) => text.replace(/^(\S+)/, "$1 > default/web"));
  return ask(manifests, texts, more).map((text) => text.replace(/^.* \| /, ""));
}

function egress(manifests: readonly unknown[], flows: readonly string[], more = {}): string[] {
  const texts = flows.map((text) => text.replace(/^(\S+)/, "default/web > $1"));
  return ask(manifests, texts, more).map((text) => text.replace(/ \| .*$/, ""));
}

test("a deny beats every allow, whichever of them is wider, names the peer, or comes first", () => {
  const allows = [
    { fromEndpoints: [app("api")] },
    { fromEndpoints: [app("api")], ...ports(["80/TCP"]) },
    ports(["80/TCP"]),
    ports(["80-81/TCP"]),
    { fromEntities: ["all"] },
  ];
  for (const allow of allows) {
    for (const deny of [...allows, ports(["0/TCP"]), { fromEntities: ["cluster"] }]) {
      for (const split of [true, false]) {
        const policies = split
          ? [web("a", { ingress: [allow] }), web("b", { ingressDeny: [deny] })]
          : [web("a", { ingress: [allow], ingressDeny: [deny] })];
        assert.deepEqual(ingress(policies, ["default/api TCP 80"]), ["deny"], JSON.stringify({ allow, deny }));
      }
    }
  }
});

test("what a deny does not cover stays allowed, inside of ranges and beside them", () => {
  const policy = web("p", {
    ingress: [{ fromEndpoints: [app("api")], ...ports(["8000-8099/TCP"]) }, { fromEndpoints: [app("db")] }],
    ingressDeny: [
      { fromEntities: ["all"], ...ports(["8016-8031/TCP"]) },
      { fromEndpoints: [app("db")], ...ports(["53/UDP"]) },
    ],
  });
  const asked = [
    "api TCP 8015",
    "api TCP 8016",
    "api TCP 8031",
    "api TCP 8032",
    "db TCP 8016",
    "db TCP 1",
    "db UDP 53",
    "db ICMP 8",
  ];
  const verdicts = ingress(
    [policy],
    asked.map((text) => `default/${text}`),
  );
  assert.deepEqual(verdicts, ["allow", "deny", "deny", "allow", "deny", "allow", "deny", "allow"]);
});

test("a deny of a named port denies its number, also inside of an allowed range", () => {
  const policies = [web("p", { ingress: [ports(["1-1000/TCP"])], ingressDeny: [ports(["http/TCP"])] })];
  assert.deepEqual(ingress(policies, ["default/api TCP 80", "default/api TCP 81"]), ["deny", "allow"]);
});

test("named ports are the subject's for ingress and each destination's for egress, by protocol", () => {
  assert.deepEqual(
    ingress([web("p", { ingress: [ports(["http/UDP", "dns/UDP"])] })], ["default/api UDP 80", "default/api UDP 53"]),
    ["deny", "allow"],
  );
  assert.deepEqual(
    ingress([web("p", { ingress: [ports(["dns/ANY"])] })], ["default/api UDP 53", "default/api TCP 53"]),
    ["allow", "deny"],
  );
  const policies = [
    web("p", {
      egress: [{ toEntities: ["all"], ...ports(["HTTP/TCP"]) }],
      egressDeny: [{ toEndpoints: [app("api")], ...ports(["8080/TCP"]) }],
    }),
  ];
  const asked = [
    "default/api TCP 8080",
    "default/api TCP 80",
    "prod/web TCP 8000",
    "prod/web TCP 80",
    "default/db TCP 80",
    "203.0.113.7 TCP 80",
  ];
  assert.deepEqual(egress(policies, asked), ["deny", "deny", "allow", "deny", "deny", "deny"]);
});

test("pods with equal labels but other ports have their own numbers", () => {
  const endpoints = [
    testPod("default/web", [], ["http=80/TCP"]),
    { ...testPod("default/web", [], ["http=81/TCP"]), name: "web2" },
    testPod("default/api"),
  ];
  const policies = [
    web("p", { ingress: [ports(["http/TCP"])] }),
    web("q", { endpointSelector: app("api"), egress: [{ toEndpoints: [{}], ...ports(["http/TCP"]) }] }),
  ];
  const flows = ["default/web", "web2"].flatMap((to) => [80, 81].map((port) => `default/api > ${to} TCP ${port}`));
  assert.deepEqual(ask(policies, flows, { endpoints }), [
    "allow | allow",
    "deny | deny",
    "deny | deny",
    "allow | allow",
  ]);
});

test("ports of ANY protocol never cover ICMP; rules without ports and ICMP rules do", () => {
  const asked = ["default/api ICMP 8", "default/api ICMPv6 128", "default/api TCP 80", "default/api SCTP 80"];
  assert.deepEqual(ingress([web("p", { ingress: [ports(["0/ANY"])] })], asked), ["deny", "deny", "allow", "allow"]);
  assert.deepEqual(
    ingress([web("p", { ingress: [{ fromEndpoints: [{}] }], ingressDeny: [ports(["0/ANY"])] })], asked),
    ["allow", "allow", "deny", "deny"],
  );
  const echo = (...types: number[]) => ({ icmps: [{ fields: types.map((type) => ({ type, family: "IPv4" })) }] });
  assert.deepEqual(ingress([web("p", { ingress: [echo(8)], ingressDeny: [echo(8)] })], asked), [
    "deny",
    "deny",
    "deny",
    "deny",
  ]);
  assert.deepEqual(
    ingress([web("p", { ingress: [echo(0)], ingressDeny: [echo(3)] })], ["default/api ICMP 3", ...asked]),
    ["deny", "allow", "deny", "deny", "deny"],
  );
});

test("default deny comes by direction, from any policy that asks for it, also from one that only denies", () => {
  const deny = { fromEndpoints: [app("api")] };
  const open = { enableDefaultDeny: { ingress: false } };
  const asked = ["default/api TCP 80", "default/db TCP 80"];
  assert.deepEqual(ingress([web("p", { ingressDeny: [deny] })], asked), ["deny", "deny"]);
  assert.deepEqual(ingress([web("p", { ...open, ingressDeny: [deny] })], asked), ["deny", "allow"]);
  assert.deepEqual(ingress([web("p", { ...open, ingress: [deny] })], asked), ["allow", "allow"]);
  assert.deepEqual(ingress([web("p", { ...open, ingress: [deny] }), web("q", { ingress: [{}] })], asked), [
    "allow",
    "deny",
  ]);
  assert.deepEqual(egress([web("p", { ingressDeny: [deny] })], asked), ["allow", "allow"]);
});

test("the mode decides where no policy does: always closes, never opens what is denied too", () => {
  const policies = [
    web("p", { enableDefaultDeny: { ingress: false }, ingressDeny: [{ fromEndpoints: [app("api")] }] }),
  ];
  const asked = ["default/api TCP 80", "default/db TCP 80", "host TCP 80"];
  for (const [enforcement, verdicts] of [
    ["default", ["deny", "allow", "allow"]],
    ["always", ["deny", "deny", "allow"]],
    ["never", ["allow", "allow", "allow"]],
  ] as const) {
    assert.deepEqual(ingress(policies, asked, { config: { enforcement } }), verdicts, enforcement);
  }
  assert.deepEqual(egress(policies, ["default/api TCP 80"], { config: { enforcement: "always" } }), ["deny"]);
});

test("the local host reaches pods unless a rule denies it, or the setting or the mode says otherwise", () => {
  const closed = web("p", { ingress: [{}] });
  const denied = web("q", { ingressDeny: [{ fromEntities: ["host"], ...ports(["22/TCP"]) }, ports(["23/TCP"])] });
  const asked = ["host TCP 80", "host TCP 22", "host TCP 23", "host ICMP 8", "node2 TCP 80"];
  assert.deepEqual(ingress([closed, denied], asked), ["allow", "deny", "deny", "allow", "deny"]);
  assert.deepEqual(ingress([closed], ["host TCP 80"], { config: { allowLocalhost: "policy" } }), ["deny"]);
  assert.deepEqual(ingress([], ["host TCP 80"], { config: { enforcement: "always" } }), ["deny"]);
  assert.deepEqual(ingress([], ["reserved:host TCP 80"]), ["allow"]);
});

test("addresses are peers by prefix, with exceptions, and never pods or nodes unless the mode says so", () => {
  const policy = (...rules: object[]) => [web("p", { egress: rules })];
  const except = { toCIDRSet: [{ cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] }] };
  const asked = ["10.0.0.1 TCP 80", "10.1.0.1 TCP 80", "default/api TCP 80", "node2 TCP 80", "host TCP 80"];
  assert.deepEqual(egress(policy(except), asked), ["allow", "deny", "deny", "deny", "deny"]);
  assert.deepEqual(egress(policy(except, { toCIDR: ["10.1.0.1/32"] }), asked), [
    "allow",
    "allow",
    "deny",
    "deny",
    "deny",
  ]);
  const modes = { config: { policyCIDRMatchMode: ["nodes", "pods"] } };
  const wide = policy({ toCIDR: ["10.0.0.0/8", "192.168.0.0/24"] });
  assert.deepEqual(egress(wide, asked, modes), ["allow", "allow", "allow", "allow", "allow"]);
  assert.deepEqual(egress(wide, asked, { config: { policyCIDRMatchMode: ["nodes"] } }), [
    "allow",
    "allow",
    "deny",
    "allow",
    "allow",
  ]);
  // A block of everything is the world alone, unless pods are matched too.
  for (const [policyCIDRMatchMode, nodes, pods] of [
    [[], "deny", "deny"],
    [["nodes"], "deny", "deny"],
    [["pods"], "deny", "allow"],
    [["nodes", "pods"], "allow", "allow"],
  ] as const) {
    const found = egress(policy({ toCIDR: ["0.0.0.0/0"] }), asked, { config: { policyCIDRMatchMode } });
    assert.deepEqual(found, ["allow", "allow", pods, nodes, nodes], policyCIDRMatchMode.join());
  }
  const denied = [web("p", { egress: [{ toEntities: ["all"] }], egressDeny: [except] })];
  assert.deepEqual(egress(denied, asked), ["deny", "allow", "allow", "allow", "allow"]);
});

test("an empty list of names or services says nothing, so with ports it is anybody; of other peers it is nobody", () => {
  const asked = ["203.0.113.7 TCP 80", "default/api TCP 80", "default/api TCP 81"];
  for (const field of ["toFQDNs", "toServices", "toGroups"]) {
    assert.deepEqual(egress([web("p", { egress: [{ [field]: [], ...ports(["80/TCP"]) }] })], asked), [
      "allow",
      "allow",
      "deny",
    ]);
    assert.deepEqual(egress([web("p", { egress: [{ [field]: [] }] })], asked), ["deny", "deny", "deny"]);
    const beside = { [field]: [], toEndpoints: [] as object[], ...ports(["80/TCP"]) };
    assert.deepEqual(egress([web("p", { egress: [beside] })], asked), ["deny", "deny", "deny"]);
  }
  for (const field of ["toEndpoints", "toEntities", "toCIDR", "toCIDRSet", "toNodes"]) {
    const policies = [web("p", { egress: [{ [field]: [], ...ports(["80/TCP"]) }] })];
    assert.deepEqual(egress(policies, asked), ["deny", "deny", "deny"], field);
  }
});

test("in single stack an outside address is plain world; an apiserver outside is world, cluster and itself", () => {
  const of = (entity: string, config: object) =>
    egress([web("p", { egress: [{ toEntities: [entity] }] })], ["203.0.113.7 TCP 80"], { config });
  assert.deepEqual(
    ["world", "world-ipv4"].flatMap((entity) => of(entity, { ipv6: false })),
    ["allow", "deny"],
  );
  assert.deepEqual(
    ["world", "world-ipv4", "world-ipv6"].flatMap((entity) => of(entity, {})),
    ["allow", "allow", "deny"],
  );
  for (const entity of ["world", "cluster", "kube-apiserver"]) {
    const policies = [web("p", { egress: [{ toEntities: [entity] }] })];
    assert.deepEqual(egress(policies, ["172.20.0.1 TCP 443"], { kubeAPIServer: ["172.20.0.1"] }), ["allow"], entity);
  }
});

test("the host's own policies hold with the host firewall alone, by nodeSelector, without a standing right", () => {
  const policies = [
    clusterwide("p", {
      nodeSelector: { matchLabels: { role: "worker" } },
      ingress: [{ fromEntities: ["remote-node"], ...ports(["22/TCP"]) }],
      ingressDeny: [{ fromEntities: ["kube-apiserver"] }],
    }),
  ];
  const flows = ["node2 > host TCP 22", "cp > host TCP 22", "default/api > host TCP 22", "host > default/api TCP 80"];
  assert.deepEqual(ask(policies, flows, { config: { hostFirewall: true } }), [
    "- | allow",
    "- | deny",
    "allow | deny",
    "allow | allow",
  ]);
  assert.deepEqual(ask(policies, flows), ["- | -", "- | -", "allow | -", "- | allow"]);
  const others = [
    clusterwide("p", { endpointSelector: {}, ingress: [{}] }),
    clusterwide("q", { nodeSelector: { matchLabels: { role: "master" } }, ingress: [{}] }),
  ];
  assert.deepEqual(ask(others, flows.slice(0, 1), { config: { hostFirewall: true } }), ["- | allow"]);
});

test("pods of another cluster are peers by name of their cluster only, and enforce nothing here", () => {
  const local = web("p", { ingress: [{ fromEndpoints: [app("api")] }] });
  const east = web("p", {
    ingress: [{ fromEndpoints: [{ matchLabels: { app: "api", "io.cilium.k8s.policy.cluster": "east" } }] }],
  });
  const flows = ["default/east > default/web TCP 80", "default/api > default/web TCP 80"];
  assert.deepEqual(ask([local], flows), ["- | deny", "allow | allow"]);
  assert.deepEqual(ask([east], flows), ["- | allow", "allow | deny"]);
  assert.deepEqual(ask([local], flows, { config: { policyDefaultLocalCluster: false } }), [
    "- | allow",
    "allow | allow",
  ]);
});
