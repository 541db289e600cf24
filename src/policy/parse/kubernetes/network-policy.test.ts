// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Direction } from "../../types.ts";
import { networkPolicy } from "./network-policy.ts";
import { assertRefused, ruleOf, selectedBy, world } from "./testing.ts";

const api = { matchLabels: { app: "api" } };
const dev = { matchLabels: { env: "dev" } };
const parse = (spec: unknown, peerCluster: string | undefined = "default") =>
  ruleOf(networkPolicy, spec, { peerCluster });

function peersOf(from: unknown, cluster?: string | undefined): string[] {
  return selectedBy(parse({ ingress: [{ from }] }, cluster).ingress[0]?.peers, world);
}

function portsOf(ports: unknown): unknown {
  return parse({ ingress: [{ ports }] }).ingress[0]?.toPorts?.flatMap((item) => item.ports);
}

describe("policyTypes", () => {
  const isolated = (spec: object) => {
    const rule = parse({ podSelector: {}, ...spec });
    return (["ingress", "egress"] as readonly Direction[]).filter((direction) => rule[direction].length > 0);
  };

  test("without rules ingress is isolated, egress only when it is named", () => {
    assert.deepEqual(isolated({}), ["ingress"]);
    assert.deepEqual(isolated({ policyTypes: [] }), ["ingress"]);
    assert.deepEqual(isolated({ policyTypes: ["Ingress"] }), ["ingress"]);
    assert.deepEqual(isolated({ policyTypes: ["Egress"] }), ["egress"]);
    assert.deepEqual(isolated({ policyTypes: ["Egress", "Ingress"] }), ["ingress", "egress"]);
    assert.deepEqual(isolated({ ingress: [], egress: [] }), ["ingress"]);
  });

  test("the rule that only isolates selects nobody", () => {
    assert.deepEqual(parse({}).ingress, [{ section: "policyTypes", action: "allow", peers: [], toPorts: undefined }]);
  });

  test("rules of a direction that is not named are enforced all the same", () => {
    assert.deepEqual(isolated({ policyTypes: ["Egress"], ingress: [{}] }), ["ingress", "egress"]);
    assert.deepEqual(isolated({ policyTypes: ["Ingress"], egress: [{}] }), ["ingress", "egress"]);
    assert.deepEqual(isolated({ egress: [{}] }), ["ingress", "egress"]);
  });

  test("every direction with rules is default deny", () => {
    assert.deepEqual(parse({}).defaultDeny, { ingress: true, egress: true });
  });
});

describe("peers", () => {
  test("no list, or an empty one, is everybody", () => {
    const everybody = Object.keys(world);
    assert.deepEqual(peersOf(undefined), everybody);
    assert.deepEqual(peersOf([]), everybody);
  });

  test("podSelector chooses in the policy's namespace and cluster", () => {
    assert.deepEqual(peersOf([{ podSelector: {} }]), ["api", "db"]);
    assert.deepEqual(peersOf([{ podSelector: api }]), ["api"]);
    const elsewhere = { matchLabels: { "io.kubernetes.pod.namespace": "dev" } };
    assert.deepEqual(peersOf([{ podSelector: elsewhere }]), ["api", "db"], "the namespace is the policy's own");
  });

  test("namespaceSelector chooses all pods of namespaces, both together pods of namespaces", () => {
    assert.deepEqual(peersOf([{ namespaceSelector: {} }]), ["api", "db", "dev/api", "dev/db"]);
    assert.deepEqual(peersOf([{ namespaceSelector: dev }]), ["dev/api", "dev/db"]);
    assert.deepEqual(peersOf([{ namespaceSelector: dev, podSelector: api }]), ["dev/api"]);
    const notDev = { matchExpressions: [{ key: "env", operator: "NotIn", values: ["dev"] }] };
    assert.deepEqual(peersOf([{ namespaceSelector: notDev, podSelector: api }]), ["api"]);
  });

  test("peers add up", () => {
    assert.deepEqual(peersOf([{ namespaceSelector: dev }, { podSelector: api }]), ["api", "dev/api", "dev/db"]);
  });

  test("another cluster has to be named, unless peers may live in any", () => {
    const east = { matchLabels: { "io.cilium.k8s.policy.cluster": "east" } };
    assert.deepEqual(peersOf([{ podSelector: east }]), ["east/api"]);
    assert.deepEqual(peersOf([{ namespaceSelector: {}, podSelector: east }]), ["east/api"]);
    const any = { matchExpressions: [{ key: "io.cilium.k8s.policy.cluster", operator: "Exists" }] };
    assert.deepEqual(peersOf([{ podSelector: any }]), ["api", "db", "east/api"]);
    const scope = { peerCluster: undefined };
    const peers = ruleOf(networkPolicy, { ingress: [{ from: [{ podSelector: api }] }] }, scope).ingress[0]?.peers;
    assert.deepEqual(selectedBy(peers, world), ["api", "east/api"]);
  });

  test("ipBlock chooses addresses outside alone, and lets no pod in besides", () => {
    assert.deepEqual(peersOf([{ ipBlock: { cidr: "10.0.0.0/8" } }]), ["outside"]);
    assert.deepEqual(peersOf([{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }]), []);
    assert.deepEqual(peersOf([{ ipBlock: { cidr: "10.9.9.9/8", except: ["10.2.0.0/16"] } }]), ["outside"]);
  });

  test("a peer without any field is nobody", () => {
    assert.deepEqual(peersOf([{}]), []);
    assert.deepEqual(parse({ ingress: [{ from: [{}], ports: [{ port: 80 }] }] }).ingress[0]?.peers, []);
  });

  test("the subject is a pod of the policy's namespace, whatever its selector says", () => {
    const subject = (podSelector: unknown) => selectedBy([parse({ podSelector }).subject], world);
    assert.deepEqual(subject({}), ["api", "db", "east/api"]);
    assert.deepEqual(subject({ matchLabels: { "io.kubernetes.pod.namespace": "dev" } }), ["api", "db", "east/api"]);
    assert.deepEqual(subject(undefined), ["api", "db", "east/api"]);
  });
});

describe("ports", () => {
  test("no list, or an empty one, is everything", () => {
    assert.equal(portsOf(undefined), undefined);
    assert.equal(portsOf([]), undefined);
  });

  test("are TCP unless said otherwise, and all of the protocol without a number", () => {
    assert.deepEqual(portsOf([{ port: 80 }]), [{ protocols: [6], first: 80, last: 80 }]);
    assert.deepEqual(portsOf([{ port: 53, protocol: "UDP" }]), [{ protocols: [17], first: 53, last: 53 }]);
    assert.deepEqual(portsOf([{ protocol: "SCTP" }]), [{ protocols: [132], first: 0, last: 65535 }]);
    assert.deepEqual(portsOf([{}]), [{ protocols: [6], first: 0, last: 65535 }]);
  });

  test("have ranges and names", () => {
    assert.deepEqual(portsOf([{ port: 8000, endPort: 8010 }]), [{ protocols: [6], first: 8000, last: 8010 }]);
    assert.deepEqual(portsOf([{ port: 8000, endPort: 80 }]), [{ protocols: [6], first: 8000, last: 8000 }]);
    assert.deepEqual(portsOf([{ port: "http" }]), [{ protocols: [6], first: 0, last: 0, name: "http" }]);
    assert.deepEqual(portsOf([{ port: "80" }]), [{ protocols: [6], first: 80, last: 80 }]);
  });

  test("are named one by one in verdicts", () => {
    const rule = parse({ egress: [{}, { ports: [{ port: 1 }, { port: 2 }] }] }).egress[1];
    assert.deepEqual(
      [rule?.section, ...(rule?.toPorts ?? []).map(({ section }) => section)],
      ["egress[1]", "egress[1].ports[0]", "egress[1].ports[1]"],
    );
  });
});

test("mistakes are refused with path and expectation", () => {
  const refused = (spec: unknown, message: RegExp, reason: string) =>
    assertRefused(networkPolicy, spec, message, reason);
  const from = (peer: unknown) => ({ ingress: [{ from: [peer] }] });
  const port = (item: unknown) => ({ ingress: [{ ports: [item] }] });
  refused({ podselector: {} }, /"spec\.podselector" is unknown \(did you mean "podSelector"\?\)/, "unknown-field");
  refused({ ingress: [{ to: [] }] }, /"spec\.ingress\[0\]\.to" is unknown/, "unknown-field");
  refused(from({ cidr: "10.0.0.0/8" }), /"spec\.ingress\[0\]\.from\[0\]\.cidr" is unknown/, "unknown-field");
  refused({ policyTypes: ["ingress"] }, /policyTypes\[0\] is "ingress", expected one of Ingress, Egress/, "bad-type");
  refused(from({ ipBlock: { cidr: "10.0.0.0" } }), /ipBlock\.cidr is "10\.0\.0\.0", expected a prefix/, "bad-cidr");
  refused(from({ ipBlock: {} }), /ipBlock\.cidr is missing/, "bad-cidr");
  const outside = { cidr: "10.0.0.0/8", except: ["11.0.0.0/16"] };
  refused(
    from({ ipBlock: outside }),
    /except\[0\] is "11.*expected a prefix whose address is in 10\.0\.0\.0\/8/,
    "except-outside",
  );
  refused(
    from({ ipBlock: { ...outside, except: ["fd00::/8"] } }),
    /expected a prefix whose address is in/,
    "except-outside",
  );
  refused(from({ podSelector: { matchLabels: { "k8s:app": "x" } } }), /expected one without a source/, "bad-selector");
  const colon = { matchExpressions: [{ key: "any:app", operator: "Exists" }] };
  refused(from({ namespaceSelector: colon }), /expected one without a source/, "bad-selector");
  refused(from({ podSelector: null }), /podSelector is null, expected an object/, "bad-type");
  refused(port({ port: 70000 }), /port is 70000, expected a whole number 0-65535/, "bad-port");
  refused(port({ port: "a_b" }), /expected a number 0-65535 or the name of a container's port/, "bad-port");
  refused(port({ port: 80, protocol: "GRE" }), /GRE/, "bad-protocol");
  refused({ ingress: null }, /spec\.ingress is null, expected a list/, "bad-type");
  refused({ ingress: [null] }, /spec\.ingress\[0\] is null, expected an object/, "bad-type");
});
