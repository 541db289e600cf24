// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { randomNumbers } from "../../core/testing.ts";
import { PolicyParseError } from "../errors.ts";
import { cnp, selector, tcp } from "../testing.ts";
import { parsePolicy } from "./policy.ts";

const web = selector("app=web");
const plain = { endpointSelector: web, ingress: [{ fromEndpoints: [selector("app=api")], toPorts: [tcp(80)] }] };

function refused(resource: unknown, message: RegExp, reason: string): void {
  assert.throws(
    () => parsePolicy(resource, { origin: "p.yaml" }),
    (error) => {
      assert.ok(error instanceof PolicyParseError, String(error));
      assert.match(error.message, message);
      assert.equal(error.reason, reason, error.message);
      assert.doesNotMatch(error.message, /\.$/);
      return true;
    },
  );
}

function withPort(port: unknown): unknown {
  return cnp("p", { endpointSelector: web, ingress: [{ toPorts: [{ ports: [port] }] }] });
}

function portOf(port: unknown): unknown {
  return parsePolicy(withPort(port)).rules[0]?.ingress[0]?.toPorts?.[0]?.ports[0];
}

describe("parsePolicy()", () => {
  test("reads spec and specs, each with its sections", () => {
    const policy = parsePolicy({
      ...cnp("p", { ...plain, description: "one" }),
      specs: [{ endpointSelector: {}, egress: [{ toEndpoints: [{}] }, { toPorts: [tcp(1), tcp(2)] }] }],
    });
    assert.equal(policy.id, "CiliumNetworkPolicy/default/p");
    assert.deepEqual(
      policy.rules.map((rule) => rule.path),
      ["spec", "specs[0]"],
    );
    assert.equal(policy.rules[0]?.description, "one");
    const sections = policy.rules[1]?.egress.map((rule) => [rule.section, rule.toPorts?.map((item) => item.section)]);
    assert.deepEqual(sections, [
      ["specs[0].egress[0]", undefined],
      ["specs[0].egress[1]", ["specs[0].egress[1].toPorts[0]", "specs[0].egress[1].toPorts[1]"]],
    ]);
  });

  test("takes a missing namespace for default, keeps uid and rule labels", () => {
    const policy = parsePolicy({
      apiVersion: "cilium.io/v2",
      kind: "CiliumNetworkPolicy",
      metadata: { name: "p", uid: "u-1", resourceVersion: "12", annotations: { a: "b" } },
      spec: { ...plain, labels: [{ key: "team", value: "a", source: "k8s" }, { key: "x" }] },
      status: { anything: true },
    });
    assert.equal(policy.namespace, "default");
    assert.equal(policy.uid, "u-1");
    assert.deepEqual(policy.rules[0]?.labels, [
      { key: "team", value: "a", source: "k8s" },
      { key: "x", value: "", source: "" },
    ]);
  });

  test("reads enableDefaultDeny, true by default", () => {
    const rule = (enableDefaultDeny: unknown) => parsePolicy(cnp("p", { ...plain, enableDefaultDeny })).rules[0];
    assert.deepEqual(parsePolicy(cnp("p", plain)).rules[0]?.defaultDeny, { ingress: true, egress: true });
    assert.deepEqual(rule({ ingress: false })?.defaultDeny, { ingress: false, egress: true });
    refused(
      cnp("p", { ...plain, enableDefaultDeny: { ingress: "no" } }),
      /is "no", expected true or false/,
      "bad-type",
    );
  });
});

describe("ports", () => {
  test("a port of 70000 is refused with its path and what is allowed", () => {
    refused(
      withPort({ port: "70000", protocol: "TCP" }),
      /^Cannot use policy "default\/p" \(p\.yaml\): spec\.ingress\[0\]\.toPorts\[0\]\.ports\[0\]\.port is "70000", expected a number 0-65535 or an IANA service name$/,
      "bad-port",
    );
  });

  test("numbers have Go's syntax", () => {
    const port = (text: string) => (portOf({ port: text, protocol: "TCP" }) as { first: number }).first;
    assert.equal(port("80"), 80);
    assert.equal(port("010"), 8);
    assert.equal(port("65535"), 65535);
    assert.equal(port("1_000"), 1000);
    for (const bad of ["65536", "-1", "", " 80", "08", "80.0", "1__0", "99999999999999999999", "8 0", "http--x"]) {
      refused(withPort({ port: bad, protocol: "TCP" }), /expected a number 0-65535/, "bad-port");
    }
    refused(withPort({ protocol: "TCP" }), /port is missing, expected/, "bad-port");
    refused(withPort({ port: 80, protocol: "TCP" }), /port is 80, expected a string \(quote it\)/, "bad-port");
  });

  test("names are in lower case, and a number with a letter is one", () => {
    const named = { protocols: [6], first: 0, last: 0 };
    assert.deepEqual(portOf({ port: "HTTP", protocol: "TCP" }), { ...named, name: "http" });
    assert.deepEqual(portOf({ port: "0x50", protocol: "TCP", endPort: 90 }), { ...named, name: "0x50" });
  });

  test("0 is every port; endPort makes a range, and is ignored below port", () => {
    const tcpOnly = { protocols: [6] };
    assert.deepEqual(portOf({ port: "0", protocol: "TCP" }), { ...tcpOnly, first: 0, last: 65535 });
    assert.deepEqual(portOf({ port: "80", endPort: 90, protocol: "TCP" }), { ...tcpOnly, first: 80, last: 90 });
    assert.deepEqual(portOf({ port: "80", endPort: 70, protocol: "TCP" }), { ...tcpOnly, first: 80, last: 80 });
    assert.deepEqual(portOf({ port: "80", endPort: 0, protocol: "TCP" }), { ...tcpOnly, first: 80, last: 80 });
    refused(withPort({ port: "80", endPort: 65536 }), /endPort is 65536, expected a whole number 0-65535/, "bad-port");
    refused(withPort({ port: "80", endPort: "90" }), /endPort is "90", expected a whole number/, "bad-port");
  });

  test("protocol ANY or none is TCP, UDP and SCTP, never ICMP", () => {
    for (const port of [{ port: "1" }, { port: "1", protocol: "ANY" }]) {
      assert.deepEqual((portOf(port) as { protocols: number[] }).protocols, [6, 17, 132]);
    }
    assert.deepEqual((portOf({ port: "1", protocol: "udp" }) as { protocols: number[] }).protocols, [17]);
    refused(
      withPort({ port: "1", protocol: "QUIC" }),
      /is "QUIC", expected one of TCP, UDP, SCTP, ANY/,
      "bad-protocol",
    );
    refused(withPort({ port: "0", protocol: "GRE" }), /Protocol "GRE" at spec.* is not supported/, "bad-protocol");
    refused(withPort({ port: "1", protocol: "ICMP" }), /Protocol "ICMP"/, "bad-protocol");
  });

  test("more than 40 in one item are refused", () => {
    const ports = Array.from({ length: 41 }, (_, n) => n + 1);
    const spec = (list: number[]) => cnp("p", { endpointSelector: {}, ingress: [{ toPorts: [tcp(...list)] }] });
    assert.equal(parsePolicy(spec(ports.slice(1))).rules[0]?.ingress[0]?.toPorts?.[0]?.ports.length, 40);
    refused(spec(ports), /toPorts\[0\]\.ports has 41 ports, expected at most 40/, "too-many-ports");
  });
});

test("other kinds", () => {
  refused({ ...cnp("p", plain), kind: "Pod" }, /kind is "Pod", expected one of CiliumNetworkPolicy/, "bad-type");
  refused({ ...cnp("p", plain), kind: "CiliumCIDRGroup" }, /is no policy/, "not-supported");
  refused({ ...cnp("p", plain), apiVersion: "cilium.io/v3" }, /apiVersion is "cilium.io\/v3"/, "bad-type");
});

describe("mistakes", () => {
  test("unknown fields are refused with the nearest known name", () => {
    refused(
      cnp("p", { ...plain, ingres: [] }),
      /Field "spec\.ingres" is unknown \(did you mean "ingress"\?\)/,
      "unknown-field",
    );
    refused(cnp("p", { ...plain, endPointSelector: {} }), /did you mean "endpointSelector"/, "unknown-field");
    refused(
      cnp("p", { endpointSelector: web, ingress: [{ fromEndpoint: [] }] }),
      /Field "spec\.ingress\[0\]\.fromEndpoint" is unknown \(did you mean "fromEndpoints"\?\)/,
      "unknown-field",
    );
    refused(
      cnp("p", { endpointSelector: web, egress: [{ fromEndpoints: [] }] }),
      /Field "spec\.egress\[0\]\.fromEndpoints" is unknown \(did you mean "toEndpoints"\?\)/,
      "unknown-field",
    );
    refused(
      cnp("p", { endpointSelector: { app: "web" }, ingress: [{}] }),
      /"spec\.endpointSelector\.app" is unknown/,
      "unknown-field",
    );
    refused({ ...cnp("p", plain), "we/ird": 1 }, /Field "\["we\/ird"\]" is unknown/, "unknown-field");
  });

  test("subject, rules, spec and name must be there", () => {
    refused(cnp("p", { ingress: [{}] }), /spec\.endpointSelector is missing, expected a selector/, "no-subject");
    refused(
      cnp("p", { endpointSelector: web, nodeSelector: {}, ingress: [{}] }),
      /expected one of them/,
      "two-subjects",
    );
    refused(
      cnp("p", { nodeSelector: {}, ingress: [{}] }),
      /not allowed in a namespaced policy/,
      "node-selector-namespaced",
    );
    refused(cnp("p", { endpointSelector: web }), /spec has no rule/, "no-rules");
    refused(cnp("p", { endpointSelector: web, ingress: [], egress: [] }), /spec has no rule/, "no-rules");
    refused(cnp("p", undefined), /the policy has no spec/, "no-spec");
    assert.deepEqual(parsePolicy({ ...cnp("p", undefined), specs: [] }).rules, []);
    refused({ ...cnp("p", plain), metadata: {} }, /metadata\.name is missing/, "name-missing");
    refused(cnp("Bad Name", plain), /metadata\.name is "Bad Name"/, "name-missing");
    refused(cnp("p", plain, "a.b"), /metadata\.namespace is "a\.b"/, "bad-type");
  });

  test("selectors are checked as Kubernetes does", () => {
    const subject = (endpointSelector: unknown) => cnp("p", { endpointSelector, ingress: [{}] });
    const expression = (item: unknown) => subject({ matchExpressions: [item] });
    refused(subject(selector("app=api!")), /matchLabels\.app is "api!", expected a label value/, "bad-selector");
    refused(subject(selector(`app=${"x".repeat(64)}`)), /expected a label value/, "bad-selector");
    refused(subject({ matchLabels: { app: 1 } }), /is 1, expected a string \(quote it\)/, "bad-selector");
    for (const key of ["", "-a", "a b", "a/b/c", "k8-s:a", ":a", "k8s:", "a:b:c", "UP/x"]) {
      refused(subject({ matchLabels: { [key]: "x" } }), /has the key .*, expected a label key/, "bad-selector");
    }
    refused(
      expression({ key: "a", operator: "Is", values: [] }),
      /operator is "Is", expected one of In/,
      "bad-selector",
    );
    refused(expression({ key: "a", operator: "In", values: [] }), /at least one value for In/, "bad-selector");
    refused(
      expression({ key: "a", operator: "NotIn" }),
      /values is missing, expected at least one value/,
      "bad-selector",
    );
    refused(expression({ key: "a", operator: "Exists", values: ["b"] }), /no values for Exists/, "bad-selector");
    refused(expression({ operator: "Exists" }), /key is missing/, "bad-selector");
    refused(subject([]), /spec\.endpointSelector is an empty list, expected an object/, "bad-type");
    refused(subject({ matchLabels: null }), /matchLabels is null, expected an object/, "bad-type");
  });

  test("a policy is rejected whole, with the path of what is wrong", () => {
    const bad = { ...cnp("p", plain), specs: [plain, { ...plain, ingress: [{ toPorts: [tcp("x y")] }] }] };
    refused(bad, /specs\[1\]\.ingress\[0\]\.toPorts\[0\]\.ports\[0\]\.port is "x y"/, "bad-port");
  });

  test("null never stands for a missing or an empty value", () => {
    for (const resource of [
      cnp("p", { endpointSelector: null, ingress: [{}] }),
      cnp("p", { endpointSelector: web, ingress: null }),
      cnp("p", { endpointSelector: web, ingress: [null] }),
      cnp("p", { endpointSelector: web, ingress: [{ fromEndpoints: null, toPorts: [tcp(80)] }] }),
      cnp("p", { endpointSelector: web, ingress: [{ fromEndpoints: [null] }] }),
      cnp("p", { endpointSelector: web, ingress: [{ fromEndpoints: [{}], toPorts: null }] }),
      cnp("p", { endpointSelector: web, ingress: [{ toPorts: [{ ports: null }] }] }),
    ]) {
      refused(resource, /is null, expected/, "bad-type");
    }
  });

  test("as Cilium's engine reads them, fields that are null or unknown are not there", () => {
    const lenient = (spec: object) => parsePolicy(cnp("p", spec), { lenient: true }).rules;
    const plainly = (spec: object) => parsePolicy(cnp("p", spec)).rules;
    assert.deepEqual(
      lenient({
        endpointSelector: web,
        ingress: [{ fromEndpoints: null, toPorts: [{ ...tcp(80), x: 1 }] }],
        egress: null,
      }),
      plainly({ endpointSelector: web, ingress: [{ toPorts: [tcp(80)] }] }),
    );
    assert.throws(
      () => lenient({ endpointSelector: null, ingress: [{}] }),
      (error) => error instanceof PolicyParseError && error.reason === "no-subject",
    );
    assert.throws(
      () => lenient({ endpointSelector: web, ingres: [{}] }),
      (error) => error instanceof PolicyParseError && error.reason === "no-rules",
    );
  });

  test("whatever is no policy at all is refused too", () => {
    for (const value of [undefined, null, 1, "text", [], {}, { kind: {} }, { kind: "CiliumNetworkPolicy" }]) {
      assert.throws(() => parsePolicy(value), PolicyParseError);
    }
  });
});

test("threats: any mutation of a policy is taken or refused with PolicyParseError, never a crash", () => {
  const random = randomNumbers(7);
  const values = [null, 0, -1, "", "x", true, [], {}, [{}], { matchLabels: {} }, "70000", ["a"], { __proto__: null }];
  const base = JSON.stringify({
    ...cnp("p", plain),
    specs: [
      { endpointSelector: {}, egress: [{ toEndpoints: [{ matchExpressions: [{ key: "a", operator: "Exists" }] }] }] },
    ],
  });
  for (let round = 0; round < 5000; round++) {
    const resource: unknown = JSON.parse(base);
    mutate(resource);
    try {
      assert.match(parsePolicy(resource).id, /^CiliumNetworkPolicy\//);
    } catch (error) {
      assert.ok(error instanceof PolicyParseError, `${JSON.stringify(resource)}: ${String(error)}`);
    }
  }

  function mutate(value: unknown): void {
    if (typeof value !== "object" || value === null) return;
    const keys = Object.keys(value);
    const key = keys[Math.floor(random() * keys.length)];
    if (key === undefined) return;
    const record = value as Record<string, unknown>;
    if (random() < 0.25) record[key] = values[Math.floor(random() * values.length)];
    else mutate(record[key]);
  }
});
