// SPDX-License-Identifier: Apache-2.0
// Proxies and authentication: who is redirected, what passes, and what cannot be merged.
import assert from "node:assert/strict";
import { test } from "node:test";
import { matchesDnsName } from "./dns-pattern.ts";
import { matchesHttp } from "./http-match.ts";
import { simulateCase } from "./simulate.ts";
import { app, ask, ports, testPod, web } from "./testing.ts";

const get = { method: "GET" };
const httpOn = (port: string, ...rules: object[]) => ports([`${port}/TCP`], { rules: { http: rules } });
const dnsOn = (port: string, ...rules: object[]) => ports([port], { rules: { dns: rules } });
const from = (name: string, rest: object = {}) => ({ fromEndpoints: [app(name)], ...rest });
const to = (name: string, rest: object = {}) => ({ toEndpoints: [app(name)], ...rest });
const tier = { fromEndpoints: [{ matchLabels: { tier: "be" } }] };

function ingress(rules: readonly object[], flow: string, more: object = {}): string | undefined {
  return ask([web("p", { ingress: rules, ...more })], [`${flow.replace(" ", " > default/web ")}`])[0]?.replace(
    /^.* \| /,
    "",
  );
}

function egress(rules: readonly object[], flow: string, more: object = {}): string | undefined {
  return ask([web("p", { egress: rules, ...more })], [`default/web > ${flow}`])[0]?.replace(/ \| .*$/, "");
}

test("rules of all peer selectors and port ranges that match are one set; other peers' are not in it", () => {
  const rules = [
    from("api", httpOn("80", get)),
    { ...tier, ...httpOn("80-90", { path: "/b" }) },
    from("db", httpOn("80", { path: "/c" })),
  ];
  assert.equal(ingress(rules, "default/api TCP 80"), 'redirect http {"method":"GET"},{"path":"/b"}');
  assert.equal(ingress(rules, "default/db TCP 80"), 'redirect http {"path":"/b"},{"path":"/c"}');
  assert.equal(ingress(rules, "default/api TCP 81"), 'redirect http {"path":"/b"}');
  assert.equal(ingress(rules, "prod/web TCP 80"), "deny");
});

test("a plain allow keeps the redirect and lets every HTTP request pass, whatever its peers and ports", () => {
  const plain = [
    from("api", ports(["80/TCP"])),
    from("api"),
    { ...tier },
    ports(["80/TCP"]),
    ports(["1-1000/TCP"]),
    { fromEntities: ["all"] },
  ];
  for (const allow of plain) {
    for (const rules of [
      [allow, from("api", httpOn("80", get))],
      [from("api", httpOn("80", get)), allow],
    ]) {
      assert.equal(ingress(rules, "default/api TCP 80"), "redirect http all", JSON.stringify(rules));
    }
  }
  assert.equal(
    ingress([from("db"), from("api", httpOn("80", get))], "default/api TCP 80"),
    'redirect http {"method":"GET"}',
  );
  assert.equal(ingress([from("api", httpOn("80", get, {}))], "default/api TCP 80"), "redirect http all");
});

test("denies come before proxies; a deny of other ports does not touch them", () => {
  const rules = [from("api", httpOn("80", get))];
  assert.equal(ingress(rules, "default/api TCP 80", { ingressDeny: [from("api")] }), "deny");
  assert.equal(ingress(rules, "default/api TCP 80", { ingressDeny: [ports(["1-100/TCP"])] }), "deny");
  assert.equal(
    ingress(rules, "default/api TCP 80", { ingressDeny: [ports(["81-100/TCP"])] }),
    'redirect http {"method":"GET"}',
  );
  assert.equal(ingress(rules, "host TCP 80", { ingressDeny: [{ fromEntities: ["host"] }] }), "deny");
});

test("without default deny every request passes through the proxy", () => {
  const open = { enableDefaultDeny: { ingress: false, egress: false } };
  assert.equal(ingress([from("api", httpOn("80", get))], "default/api TCP 80", open), "redirect http all");
  assert.equal(ingress([from("api", httpOn("80", get))], "default/db TCP 80", open), "allow");
  assert.equal(
    egress([to("api", dnsOn("53/UDP", { matchName: "a" }))], "default/api UDP 53", open),
    "redirect dns all",
  );
});

test("DNS rules are widened by rules on exactly their port alone", () => {
  const rule = to("api", dnsOn("53/ANY", { matchName: "a.test" }));
  const restricted = 'redirect dns {"matchName":"a.test"}';
  for (const allow of [
    to("api"),
    { toEntities: ["all"] },
    to("api", ports(["50-60/UDP"])),
    to("api", ports(["0/UDP"])),
    to("api", ports(["53/TCP"])),
  ]) {
    assert.equal(egress([rule, allow], "default/api UDP 53"), restricted, JSON.stringify(allow));
  }
  for (const allow of [
    to("api", ports(["53/UDP"])),
    ports(["53/ANY"]),
    { toEntities: ["cluster"], ...ports(["53/UDP"]) },
  ]) {
    assert.equal(egress([rule, allow], "default/api UDP 53"), "redirect dns all", JSON.stringify(allow));
  }
  assert.equal(egress([rule, to("db", ports(["53/UDP"]))], "default/api UDP 53"), restricted);
  assert.equal(
    egress([rule, to("api", dnsOn("53/UDP", { matchPattern: "*" }))], "default/api UDP 53"),
    "redirect dns all",
  );
});

test("server names restrict what no plain rule opens", () => {
  const names = (...serverNames: string[]) => ports(["443/TCP"], { serverNames });
  assert.equal(
    egress([to("api", names("b", "a")), { toEntities: ["all"], ...names("c") }], "default/api TCP 443"),
    "redirect tls a,b,c",
  );
  assert.equal(egress([to("api", names("a")), to("api", ports(["443/TCP"]))], "default/api TCP 443"), "redirect tls a");
  assert.equal(egress([to("api", names("a")), { toEntities: ["all"] }], "default/api TCP 443"), "redirect tls all");
});

test("with several proxies HTTP comes first, then server names, then DNS", () => {
  const rules = [{ toEntities: ["all"], ...dnsOn("53/TCP", { matchName: "a" }) }, to("api", httpOn("53", get))];
  assert.equal(egress(rules, "default/api TCP 53"), 'redirect http {"method":"GET"}');
  assert.equal(egress(rules, "default/db TCP 53"), 'redirect dns {"matchName":"a"}');
});

test("what cannot be merged for one selector and port closes the endpoint in both directions", () => {
  const auth = (mode: string, rest: object = {}) => from("api", { authentication: { mode }, ...rest });
  const tls = ports(["80/TCP"], { serverNames: ["a"] });
  const conflicts = [
    { egress: [to("api", httpOn("53", get)), to("api", dnsOn("53/TCP", { matchName: "a" }))] },
    { ingress: [from("api", httpOn("80", get)), from("api", tls)] },
    { ingress: [auth("required"), auth("disabled")] },
  ];
  const flows = ["default/api > default/web TCP 80", "default/web > default/api TCP 53"];
  for (const spec of conflicts)
    assert.deepEqual(ask([web("p", spec)], flows), ["allow | error", "error | allow"], JSON.stringify(spec));
  const compatible = [
    { ingress: [auth("required", ports(["80/TCP"])), auth("disabled", ports(["81/TCP"]))] },
    { ingress: [auth("required"), { ...tier, authentication: { mode: "disabled" } }] },
    { ingress: [from("api", tls), from("api", httpOn("80", get))] },
    { ingressDeny: [from("api", ports(["80/TCP"]))], ingress: [from("db", httpOn("80", get)), { ...tier, ...tls }] },
  ];
  for (const spec of compatible) {
    assert.ok(
      ask([web("p", spec)], flows).every((text) => !text.includes("error")),
      JSON.stringify(spec),
    );
  }
  assert.deepEqual(ask([web("p", conflicts[2] ?? {})], flows, { config: { enforcement: "never" } }), [
    "allow | allow",
    "allow | allow",
  ]);
});

test("an endpoint that cannot be computed says which rules are to blame", () => {
  const rules = [to("api", httpOn("53", get)), to("api", dnsOn("53/TCP", { matchName: "a" }))];
  const endpoints = [testPod("default/web"), testPod("default/api")];
  const flows = [{ from: "default/web", to: "default/api", proto: "TCP", port: 1 }];
  const [flow] = simulateCase({ id: "x", manifests: [web("p", { egress: rules })], endpoints, flows }).flows;
  const rule = flow?.egress?.rule ?? {};
  assert.match(
    "error" in rule ? String(rule.error) : "",
    /http and dns \(in default\/p egress\[0\]\.toPorts\[0\] and default\/p egress\[1\]/,
  );
});

test("authentication is that of the deciding rule, of a wider one if it says nothing, or the stricter of equals", () => {
  const required = { authentication: { mode: "required" } };
  const disabled = { authentication: { mode: "disabled" } };
  const port = ports(["80/TCP"]);
  const verdict = (...rules: object[]) => ingress(rules, "default/api TCP 80");
  assert.equal(verdict(from("api", required)), "allow required");
  assert.equal(verdict(from("api", required), from("api", port)), "allow required", "derived from the wider rule");
  assert.equal(verdict(from("api", required), from("api", { ...port, ...disabled })), "allow", "explicitly disabled");
  assert.equal(verdict(from("api", { ...port, ...required }), from("api", disabled)), "allow required");
  assert.equal(verdict(from("api", { ...port, ...required }), port), "allow required", "naming the peer decides");
  assert.equal(verdict(from("api", port), { ...port, ...required }), "allow required", "the stricter of equals");
  assert.equal(verdict(from("api", required), port), "allow required", "stricter, though less exact");
  assert.equal(verdict(from("api", required), { ...port, ...disabled }), "allow", "the more exact one says otherwise");
  assert.equal(verdict(from("api", { ...port, ...required }), { ...tier, ...port, ...disabled }), "allow required");
  assert.equal(
    verdict(from("api", { ...httpOn("80", get) }), from("api", { ...ports(["80-90/TCP"]), ...required })),
    "redirect http all required",
  );
  assert.equal(ingress([from("api", required)], "default/api TCP 80", { ingressDeny: [from("api")] }), "deny");
});

test("HTTP rules match the whole method, path with query and host, and headers by exact value", () => {
  const request = {
    method: "GET",
    path: "/a/b?q=1",
    host: "web.test:80",
    headers: { "X-Role": "admin", Accept: "*/*" },
  };
  const holds = (rule: object) => matchesHttp(rule, request);
  assert.deepEqual(
    [{}, { method: "GE" }, { method: "GET|POST" }, { path: "/a" }, { path: "/a/.*" }, { path: "/a/b" }].map(holds),
    [true, false, true, false, true, false],
  );
  assert.deepEqual([{ host: "web[.]test" }, { host: "web[.]test(:[0-9]+)?" }].map(holds), [false, true]);
  assert.deepEqual(
    [["x-role"], ["X-Role admin"], ["X-Role: admin"], ["X-Role adm"], ["X-None"], ["x-role", "Accept */*"]].map(
      (headers) => holds({ headers }),
    ),
    [true, true, true, false, false, true],
  );
  const match = (name: string, value?: string, mismatch?: string) =>
    holds({
      headerMatches: [
        { name, ...(value === undefined ? {} : { value }), ...(mismatch === undefined ? {} : { mismatch }) },
      ],
    });
  assert.deepEqual(
    [match("x-role"), match("x-role", "admin"), match("x-role", "x"), match("no"), match("no", "x", "ADD")],
    [true, true, false, false, true],
  );
  assert.equal(matchesHttp({ host: ".*" }, { method: "GET", path: "/" }), false, "no host is no text");
  const list = { method: "GET", path: "/", headers: ["X-Role: admin"] };
  assert.deepEqual(
    [["X-Role admin"], ["X-Role root"]].map((headers) => matchesHttp({ headers }, list)),
    [true, false],
  );
});

test("DNS patterns stay within a label, but for ** in front", () => {
  const asked = ["a.test", "A.TEST.", "x.a.test", "y.x.a.test", "test"];
  const holds = (rule: object) => asked.filter((name) => matchesDnsName(rule, name));
  assert.deepEqual(holds({ matchName: "a.test" }), ["a.test", "A.TEST."]);
  assert.deepEqual(holds({ matchName: "A.Test." }), ["a.test", "A.TEST."]);
  assert.deepEqual(holds({ matchPattern: "*.a.test" }), ["x.a.test"]);
  assert.deepEqual(holds({ matchPattern: "**.a.test" }), ["x.a.test", "y.x.a.test"]);
  assert.deepEqual(holds({ matchPattern: "*" }), asked);
  assert.deepEqual(holds({ matchPattern: "*.test", matchName: "test" }), ["a.test", "A.TEST.", "test"]);
});
