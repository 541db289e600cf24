// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { doneStatus } from "../../../src/core/index.ts";
import type { EndpointRow } from "../../../src/endpoint/index.ts";
import { createPolicyTable, PolicyEngine, parsePolicy } from "../../../src/policy/index.ts";
import { cnp, pod, selector, tcp } from "../../../src/policy/testing.ts";
import { policyAttribution } from "./endpoint-policy.ts";

const web = pod(300, "default", "app=web");
const row: EndpointRow = {
  ...{ id: 7, identity: web.id, labels: web.labels, phase: "active", status: doneStatus(), generation: 0, log: [] },
  ...{ containerId: "c", containerInterfaceName: "eth0", netnsPath: "", interfaceName: "lxc", ifindex: 7 },
  ...{ mac: "02:00:00:00:00:01", nodeMac: "02:00:00:00:00:02", podNamespace: "default", podName: "web" },
};

test("ports name the rules that they come from, and default deny its policies", () => {
  const engine = new PolicyEngine();
  engine.upsertIdentities([web, pod(301, "default", "app=api")]);
  const rule = { fromEndpoints: [selector("app=api")], toPorts: [tcp(80)] };
  const deny = { fromEndpoints: [selector("app=api")], toPorts: [tcp(22)] };
  const resource = cnp("p", { endpointSelector: selector("app=web"), ingress: [rule], ingressDeny: [deny] });
  const parsed = parsePolicy(resource);
  engine.upsertPolicy(resource);
  const policies = createPolicyTable();
  policies.upsert({ uid: "", resource, source: "api", revision: 1, ...parsed });
  const { spec, realized: found = {} } = policyAttribution({ engine, policies }, row, true);
  const derived = found.l4?.ingress.map(({ rule: text, ...item }) => [text, item["derived-from-rules"]]);
  const labels = (section: string) => [
    "k8s:io.cilium.k8s.policy.derived-from=CiliumNetworkPolicy",
    "k8s:io.cilium.k8s.policy.name=p",
    "k8s:io.cilium.k8s.policy.namespace=default",
    `k8s:io.cilium.k8s.policy.section=${section}`,
  ];
  assert.deepEqual(
    new Map(derived as [string, unknown][]),
    new Map<string, unknown>([
      ['{"port":0,"protocol":"ANY"}', []],
      ['{"port":22,"protocol":"TCP"}', [labels("ingressDeny[0].toPorts[0]")]],
      ['{"port":80,"protocol":"TCP"}', [labels("ingress[0].toPorts[0]")]],
    ]),
  );
  const api =
    "&LabelSelector{MatchLabels:map[string]string{any.app: api,k8s.io.cilium.k8s.policy.cluster: default,k8s.io.kubernetes.pod.namespace: default,},MatchExpressions:[]LabelSelectorRequirement{},}";
  assert.deepEqual(
    found.l4?.ingress.map((item) => item["rules-by-selector"]),
    [{}, { [api]: [labels("ingressDeny[0].toPorts[0]")] }, { [api]: [labels("ingress[0].toPorts[0]")] }],
  );
  assert.deepEqual(found["cidr-policy"], { ingress: [], egress: [] });
  assert.deepEqual([spec?.["policy-enabled"], spec?.["policy-revision"]], ["audit-ingress", engine.revision]);
  assert.deepEqual(found["default-deny-by"], { ingress: ["default/p"], egress: [] });
  assert.deepEqual([found["allowed-ingress-identities"], found["denied-ingress-identities"]], [[1, 301], [301]]);
  assert.deepEqual(found.l4?.egress, []);
});

test("an endpoint without an identity has no policy to tell of", () => {
  const { identity: _, ...without } = row;
  assert.deepEqual(
    policyAttribution({ engine: new PolicyEngine(), policies: createPolicyTable() }, without, false),
    {},
  );
});
