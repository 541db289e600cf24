// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { formatPath } from "../errors.ts";
import { cnp, selector, tcp } from "../testing.ts";
import { schemaProblems } from "./schema.ts";

const problems = (resource: unknown) =>
  schemaProblems(resource).map(({ path, expected }) => `${formatPath(path)}: ${expected}`);
const web = { endpointSelector: selector("app=web") };
const ingress = (rule: object) => problems(cnp("p", { ...web, ingress: [rule] }));

test("a good policy has no problems, and other kinds are not looked at", () => {
  assert.deepEqual(ingress({ fromEndpoints: [{}], toPorts: [tcp(80)], icmps: [{ fields: [{ type: 8 }] }] }), []);
  assert.deepEqual(problems({ kind: "Pod", spec: 1 }), []);
  assert.deepEqual(problems(undefined), []);
});

test("what the engine takes and an API server does not is told, all of it", () => {
  assert.deepEqual(ingress({ fromCIDR: ["10.0.0.1"], fromEntities: ["world-ipv4"] }), [
    "spec.ingress[0].fromCIDR[0]: a prefix such as 10.0.0.0/8",
    `spec.ingress[0].fromEntities[0]: one of ${"all, world, cluster, cluster-mesh, host, init, ingress, unmanaged, remote-node, health, none, kube-apiserver"}`,
  ]);
  assert.match(ingress({ toPorts: [{ ports: [{ port: "80", protocol: "tcp" }] }] })[0] ?? "", /protocol: one of TCP/);
  assert.match(ingress({ toPorts: [{ rules: { l7proto: "x" } }] })[0] ?? "", /rules: exactly one of http, dns/);
  assert.match(ingress({ fromCIDRSet: [{ except: [] }] })[0] ?? "", /exactly one of cidr, cidrGroupRef/);
  assert.deepEqual(problems(cnp("p", web)), ["spec: at least one of ingress, ingressDeny, egress, egressDeny"]);
  const two = { ...web, nodeSelector: {}, egress: [] };
  assert.deepEqual(problems(cnp("p", two)), ["spec: exactly one of endpointSelector, nodeSelector"]);
});

test("a NetworkPolicy is checked as an API server does", () => {
  const np = (rule: object) => problems({ kind: "NetworkPolicy", spec: { podSelector: {}, ingress: [rule] } });
  assert.deepEqual(
    np({ from: [{ ipBlock: {} }, { podSelector: {}, namespaceSelector: {} }], ports: [{ port: "http" }] }),
    [],
  );
  assert.deepEqual(np({ from: [{}, { podSelector: {}, ipBlock: {} }] }), [
    "spec.ingress[0].from[0]: either ipBlock, or podSelector and namespaceSelector",
    "spec.ingress[0].from[1]: either ipBlock, or podSelector and namespaceSelector",
  ]);
  assert.match(np({ ports: [{ port: 80, endPort: 79 }] })[0] ?? "", /endPort beside a number that is not above it/);
  assert.match(np({ ports: [{ port: 0 }] })[0] ?? "", /a port number 1-65535/);
  assert.match(np({ ports: [{ port: "80" }] })[0] ?? "", /port/);
});

const vectors = resolve(import.meta.dirname, "../../../../shared/interop/policy-vectors.json");
const present = existsSync(vectors);

test("the shared vectors agree about which manifests an API server takes", { skip: present ? false : vectors }, () => {
  type Vector = { id: string; manifests: unknown[]; schemaInvalid?: number[]; rejected?: { manifest: number }[] };
  const { cases } = JSON.parse(readFileSync(vectors, "utf8")) as { cases: readonly Vector[] };
  let checked = 0;
  for (const { id, manifests, schemaInvalid = [], rejected = [] } of cases) {
    for (const [index, manifest] of manifests.entries()) {
      if (rejected.some((item) => item.manifest === index)) continue;
      checked++;
      assert.equal(
        problems(manifest).length > 0,
        schemaInvalid.includes(index),
        `${id} ${index}: ${problems(manifest)}`,
      );
    }
  }
  assert.ok(checked >= 60, `${checked} manifests`);
});
