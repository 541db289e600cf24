// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { configureLogging, Labels } from "../core/index.ts";
import { createResourceTable, parseManifests } from "../kubernetes/index.ts";
import { PolicyEngine } from "./engine/engine.ts";
import { createPolicyReferences } from "./references-module.ts";
import { createPolicyTable } from "./table.ts";
import { cnp, podLabelSet } from "./testing.ts";

configureLogging({ level: "silent" });

const web = podLabelSet("default", "app=web");
const subject = { endpointSelector: { matchLabels: { app: "web" } } };

/** An engine with one policy, whose egress goes to the peers. */
async function world(t: TestContext, peers: object) {
  const engine = new PolicyEngine();
  const resources = createResourceTable();
  const policies = createPolicyTable();
  const policy = engine.upsertPolicy(cnp("p", { ...subject, egress: [peers] })).policy;
  const { id, kind, namespace, name, rules } = policy;
  policies.upsert({ id, uid: "", kind, namespace, name, resource: {}, rules, source: "directory", revision: 1 });
  engine.upsertIdentities([
    { id: 300, labels: podLabelSet("default", "app=db") },
    { id: 301, labels: podLabelSet("other", "app=db") },
    { id: 0x0100_0001, labels: Labels.parse(["cidr:192.0.2.0/24", "reserved:world-ipv4"]) },
    { id: 0x0100_0002, labels: Labels.parse(["cidr:198.51.100.1/32", "reserved:world-ipv4"]) },
  ]);
  let changes = 0;
  const changed = () => void changes++;
  const module = createPolicyReferences({ engine, resources, policies, cluster: "default", changed });
  await module.start(new AbortController().signal);
  t.after(() => module.stop?.());
  const allowed = () => engine.resolveEndpoint(web, 299).entries.map(({ identity }) => identity);
  const apply = async (text: string) => {
    resources.upsertMany(parseManifests(text, "test.yaml"));
    await turn();
  };
  return { allowed, apply, engine, resources, module, changes: () => changes };
}

const group = (cidr: string) =>
  `{apiVersion: cilium.io/v2, kind: CiliumCIDRGroup, metadata: {name: g}, spec: {externalCIDRs: [${cidr}]}}`;
const service = (spec: string) => `{apiVersion: v1, kind: Service, metadata: {name: s, labels: {a: b}}, spec: ${spec}}`;

test("a CIDR group is nobody until it is there, and again when it goes; status names it", async (t) => {
  const w = await world(t, { toCIDRSet: [{ cidrGroupRef: "g" }] });
  assert.deepEqual(w.allowed(), []);
  assert.match(
    w.module.health?.().message ?? "",
    /"default\/p" egress\[0\] refers to CiliumCIDRGroup\/\/g, which is not/,
  );
  await w.apply(group("192.0.2.0/24"));
  assert.deepEqual(w.allowed(), [0x0100_0001]);
  assert.equal(w.module.health?.().state, "ok");
  w.resources.delete("CiliumCIDRGroup//g");
  await turn();
  assert.deepEqual(w.allowed(), []);
  assert.equal(w.changes(), 3);
});

test("threats: a bad group is refused, and its last good state stays", async (t) => {
  const w = await world(t, { toCIDRSet: [{ cidrGroupRef: "g" }] });
  await w.apply(group("192.0.2.0/24"));
  await w.apply(group("everything"));
  assert.deepEqual(w.allowed(), [0x0100_0001]);
  assert.match(w.module.health?.().message ?? "", /spec\.externalCIDRs\[0\] is "everything", expected a prefix/);
  await w.apply(group("198.51.100.1/32"));
  assert.deepEqual(w.allowed(), [0x0100_0002]);
});

test("a service is its pods, in its own namespace", async (t) => {
  const w = await world(t, { toServices: [{ k8sService: { serviceName: "s" } }] });
  assert.match(w.module.health?.().message ?? "", /refers to Service\/default\/s/);
  await w.apply(service("{selector: {app: db}}"));
  assert.deepEqual(w.allowed(), [300]);
  await w.apply(service("{selector: {app: none}}"));
  assert.deepEqual(w.allowed(), []);
});

test("a service without a selector is its addresses, which may come later", async (t) => {
  const w = await world(t, { toServices: [{ k8sServiceSelector: { selector: { matchLabels: { a: "b" } } } }] });
  await w.apply(service("{}"));
  assert.deepEqual(w.allowed(), []);
  const labels = "{kubernetes.io/service-name: s}";
  const slice = "apiVersion: discovery.k8s.io/v1, kind: EndpointSlice";
  await w.apply(`{${slice}, metadata: {name: s-1, labels: ${labels}}, endpoints: [{addresses: [198.51.100.1]}]}`);
  assert.deepEqual(w.allowed(), [0x0100_0002]);
  w.resources.delete("EndpointSlice/default/s-1");
  await turn();
  assert.deepEqual(w.allowed(), []);
});

const slice = (name: string, service: string, address: string) =>
  `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: ${name}, labels: {kubernetes.io/service-name: ${service}}}, endpoints: [{addresses: [${address}]}]}`;

test("a refusal is the service's, whichever of its objects was bad or came next, and ends with the bad object", async (t) => {
  const w = await world(t, { toServices: [{ k8sService: { serviceName: "s" } }] });
  await w.apply(service("{}"));
  await w.apply(slice("s-1", "s", "198.51.100.1"));
  await w.apply(slice("s-2", "s", "nowhere"));
  assert.match(w.module.health?.().message ?? "", /EndpointSlice "default\/s-2": bad address/);
  await w.apply(service("{type: ClusterIP}"));
  await w.apply(slice("s-3", "s", "192.0.2.1"));
  w.resources.delete("EndpointSlice/default/s-1");
  await turn();
  assert.match(w.module.health?.().message ?? "", /bad address/, "a service with a bad slice is as it was");
  assert.deepEqual(w.allowed(), [0x0100_0002]);
  w.resources.delete("EndpointSlice/default/s-2");
  await turn();
  assert.equal(w.module.health?.().state, "ok");
  assert.deepEqual(w.allowed(), [], "192.0.2.1 has no identity of its own");
});

test("a slice that goes over to another service leaves the first one", async (t) => {
  const w = await world(t, { toServices: [{ k8sService: { serviceName: "s" } }] });
  await w.apply(service("{}"));
  await w.apply(slice("s-1", "s", "198.51.100.1"));
  assert.deepEqual(w.allowed(), [0x0100_0002]);
  await w.apply(slice("s-1", "other", "198.51.100.1"));
  assert.deepEqual(w.allowed(), []);
});

test("what changes nothing for a policy leaves its revision alone", async (t) => {
  const w = await world(t, { toCIDRSet: [{ cidrGroupRef: "g" }] });
  await w.apply(group("192.0.2.0/24"));
  const { revision } = w.engine;
  await w.apply(
    `{apiVersion: cilium.io/v2, kind: CiliumCIDRGroup, metadata: {name: other}, spec: {externalCIDRs: [10.0.0.0/8]}}`,
  );
  await w.apply(service("{selector: {app: db}}"));
  await w.apply(group('192.0.2.0/24, "192.0.2.0/24"').replace("name: g", "name: g, annotations: {a: b}"));
  assert.equal(w.engine.revision, revision);
  await w.apply(group("198.51.100.1/32"));
  assert.equal(w.engine.revision, revision + 1);
});
