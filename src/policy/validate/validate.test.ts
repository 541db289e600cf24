// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterAddress } from "./covered.ts";
import { type ValidationOptions, validatePolicies } from "./validate.ts";

const report = (text: string, options?: ValidationOptions) => {
  const { valid, problems } = validatePolicies(text, "p.yaml", options);
  return { valid, problems: problems.map(({ severity, line, problem }) => `${line} ${severity}: ${problem}`) };
};

const text = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: a}
spec:
  endpointSelector: {}
  ingres: []
  ingress:
    - fromEndpoints: [{}]
      toPorts:
        - ports:
            - port: "70000"
            - port: "80"
            - port: "x y"
    - fromEntities: [everybody]
    - fromCIDR: [10.0.0.0/99]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: b}
spec:
  endpointSelector: {}
  ingress:
    - fromCIDR: [10.0.0.1]
---
apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: {name: g}
spec: {externalCIDRs: [10.0.0.0/8]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: n}
spec:
  ingress:
    - from: [{}]
`;

test("every problem of every document is told, at its line and path", () => {
  assert.deepEqual(report(text), {
    valid: ["default/b", "g", "default/n"],
    problems: [
      '6 error: Field "spec.ingres" is unknown (did you mean "ingress"?)',
      '11 error: spec.ingress[0].toPorts[0].ports[0].port is "70000", expected a number 0-65535 or an IANA service name',
      '13 error: spec.ingress[0].toPorts[0].ports[2].port is "x y", expected a number 0-65535 or an IANA service name',
      ...report(text).problems.slice(3, 5),
      "23 schema: spec.ingress[0].fromCIDR[0]: expected a prefix such as 10.0.0.0/8",
      "35 schema: spec.ingress[0].from[0]: expected either ipBlock, or podSelector and namespaceSelector",
    ],
  });
  assert.match(report(text).problems[3] ?? "", /^14 error: spec\.ingress\[1\]\.fromEntities\[0\] is "everybody"/);
  assert.match(report(text).problems[4] ?? "", /^15 error: spec\.ingress\[2\]\.fromCIDR\[0\] is "10\.0\.0\.0\/99"/);
});

test("what is missing only because it was bad is not told twice", () => {
  const { problems } = report(text.split("---")[0]?.replace(/ingress:[\s\S]*/, "ingress: [{x: 1}]\n") ?? "");
  assert.equal(problems.length, 2, problems.join("\n"));
});

test("text that is no YAML is one problem", () => {
  assert.match(report("a: [").problems[0] ?? "", /^\d+ error: .*not valid YAML/);
});

const addresses: readonly ClusterAddress[] = [
  { kind: "pods", name: "default/web", ip: "10.1.0.7" },
  { kind: "pods", name: "default/api", ip: "10.2.0.7" },
  { kind: "nodes", name: "n1", ip: "10.9.0.1" },
];
const block = (except: string) => `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: n}
spec: {ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [${except}]}}]}]}
`;

test("a block that covers pods or nodes is warned of, as far as the match mode leaves them out", () => {
  const kinds = (cidrMatchMode: readonly string[], except = "") =>
    report(block(except), { addresses, cidrMatchMode }).problems.map((line) => /covers (.*?), whom/.exec(line)?.[1]);
  assert.deepEqual(kinds([]), ["2 pods (such as default/web, 10.1.0.7)", "1 nodes (such as n1, 10.9.0.1)"]);
  assert.deepEqual(kinds(["pods"]), ["1 nodes (such as n1, 10.9.0.1)"]);
  assert.deepEqual(kinds(["pods", "nodes"]), []);
  assert.deepEqual(kinds(["nodes"], "10.1.0.0/16"), ["1 pods (such as default/api, 10.2.0.7)"]);
  const all = block("").replace("10.0.0.0/8", "0.0.0.0/0");
  assert.deepEqual(report(all, { addresses }).problems, [], "a block for everything is meant for the world");
});
