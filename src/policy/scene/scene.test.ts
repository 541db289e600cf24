// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseManifests } from "../../kubernetes/index.ts";
import { decide } from "../entries/decide.ts";
import { sceneOfManifests } from "./manifests.ts";
import { Scene } from "./scene.ts";

const manifests = `
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: red}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, ports: [{name: HTTP, containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {replicas: 3, template: {metadata: {labels: {app: api}}, spec: {serviceAccountName: api}}}
---
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {zone: a}}
---
apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: {name: partners}
spec: {externalCIDRs: [198.51.100.0/24]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: np, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
    - from: [{namespaceSelector: {matchLabels: {team: red}}}, {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]
      ports: [{port: http}]
`;

const source = sceneOfManifests(parseManifests(manifests, "m.yaml"));
const scene = new Scene(source);
const idOf = (name: string) => scene.peers.find(({ id }) => scene.nameOf(id) === name)?.id ?? -1;

test("pods and deployments are endpoints with the labels that a cluster gives them", () => {
  const web = scene.peers.find(({ id }) => id === idOf("shop/web"));
  assert.deepEqual(web?.labels.toStrings(), [
    "k8s:app=web",
    "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=shop",
    "k8s:io.cilium.k8s.namespace.labels.team=red",
    "k8s:io.cilium.k8s.policy.cluster=default",
    "k8s:io.cilium.k8s.policy.serviceaccount=default",
    "k8s:io.kubernetes.pod.namespace=shop",
  ]);
  assert.deepEqual(
    scene.endpoints.map(({ id }) => scene.nameOf(id)),
    ["host", "shop/web", "shop/api"],
  );
  assert.ok(scene.endpoints[0]?.labels.has("k8s", "zone"));
});

test("every prefix that a policy or a group speaks of is a peer", () => {
  const names = scene.peers.map(({ id }) => scene.nameOf(id));
  for (const name of ["10.0.0.0/8", "10.1.0.0/16", "198.51.100.0/24"]) assert.ok(names.includes(name), name);
  assert.ok(names.includes("reserved:world-ipv4") && !names.includes("reserved:world"));
});

test("its engines decide by labels, prefixes and named ports", () => {
  const engine = scene.engineWith(source.policies);
  const web = scene.endpoints.find(({ id }) => id === idOf("shop/web"));
  assert.ok(web);
  const { entries } = engine.resolveEndpoint(web.labels, web.id);
  const verdict = (identity: number, port: number) =>
    decide(entries, { direction: "ingress", identity, protocol: 6, port }).verdict;
  assert.equal(verdict(idOf("shop/api"), 8080), "allow");
  assert.equal(verdict(idOf("shop/api"), 80), "deny");
  assert.equal(verdict(idOf("10.0.0.0/8"), 8080), "allow");
  assert.equal(verdict(idOf("10.1.0.0/16"), 8080), "deny");
});

test("in a cluster of one family addresses are just world", () => {
  const single = new Scene({ ...source, families: "single" });
  const names = single.peers.map(({ id }) => single.nameOf(id));
  assert.ok(names.includes("reserved:world") && !names.includes("reserved:world-ipv4"));
  const outside = single.peers.find(({ id }) => single.nameOf(id) === "10.0.0.0/8");
  assert.ok(outside?.labels.has("reserved", "world"));
});
