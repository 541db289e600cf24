// SPDX-License-Identifier: Apache-2.0
// A real agent: every call of its API, with what it answers and refuses, is as its OpenAPI description says.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { healthSocketPath } from "../../src/api/index.ts";
import { type DescribedApi, describedApi } from "../../src/api/testing.ts";
import { mountBpffs, unmount } from "../../src/kernel/index.ts";
import { AgentNode } from "./testing.ts";
import { ciliumFields, missingFields } from "./testing-fields.ts";

const manifests = `
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a}}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: b}
spec:
  endpointSelector: {matchLabels: {app: a}}
  ingress:
  - fromEndpoints: [{matchLabels: {app: b}}]
`;

/** What no call can bring about here, and why. */
const unprovoked: readonly RegExp[] = [
  / (500|503)$/, // faults of the agent, and more calls at once than it takes: tests/fuzz/api.test.ts
  /^\w+ \/v1beta\/.* 501$/, // when nodes are not probed, this socket is not there
];

let node: AgentNode;
let agent: DescribedApi;
let health: DescribedApi;
let running: ChildProcess;

before(async () => {
  node = new AgentNode({ "enable-xdp-prefilter": "true", "ipv4-range": "10.99.0.0/29" });
  node.writeManifest("pods.yaml", manifests);
  ({ child: running } = await node.startAgent());
  await node.cni("ADD", "a");
  agent = await describedApi(node.client.socketPath, "/v1");
  health = await describedApi(healthSocketPath(node.client.socketPath), "/v1beta");
});

after(async () => await node?.close());

test("the agent: status, configuration, metrics, debug information", async () => {
  await agent.call("GET", "/v1/openapi.json", 200);
  await agent.call("GET", "/v1/healthz", 200);
  await agent.call("GET", "/v1/healthz", 200, { headers: { brief: "true", "require-k8s-connectivity": "false" } });
  await agent.call("GET", "/v1/version", 200);
  await agent.call("GET", "/v1/config", 200);
  await agent.call("PATCH", "/v1/config", 200, { body: { options: { TraceNotification: "Disabled" } } });
  await agent.call("PATCH", "/v1/config", 400, { body: { options: { Nonsense: "Enabled" } } });
  const metrics = (await agent.call("GET", "/v1/metrics", 200)) as { name: string }[];
  assert.ok(metrics.some(({ name }) => name === "cilium_endpoint_state"));
  assert.match(
    String(await agent.call("GET", "/v1/metrics", 200, { headers: { accept: "text/plain" } })),
    /^cilium_agent_api_process_time_seconds_count\{path="\/v1\/healthz",method="GET",return_code="200"\} 2$/m,
  );
  const debug = (await agent.call("GET", "/v1/debuginfo", 200)) as { "endpoint-list": unknown[] };
  assert.equal(debug["endpoint-list"].length, 1);
  await agent.call("GET", "/v1/cgroup-dump-metadata", 200);
  for (const path of ["peers", "routes", "route-policies"]) await agent.call("GET", `/v1/bgp/${path}`, 501);
  const { features } = (await agent.call("GET", "/v1/features", 200)) as { features: { name: string }[] };
  assert.ok(features.some(({ name }) => name === "tcx"));
});

test("models have Cilium's fields", async () => {
  const status = (await agent.call("GET", "/v1/healthz", 200)) as object;
  assert.deepEqual(missingFields(ciliumFields.status, status), []);
  const config = (await agent.call("GET", "/v1/config", 200)) as { status: object };
  assert.deepEqual(missingFields(ciliumFields.config, config.status), []);
  const [row] = await node.client.listEndpoints();
  const endpoint = await node.client.getEndpoint(String(row?.id));
  assert.deepEqual(missingFields(["id", "spec.label-configuration", "spec.options"], endpoint), []);
  assert.deepEqual(missingFields(ciliumFields.endpoint, endpoint.status), []);
  const { spec = {}, realized } = endpoint.status.policy;
  for (const policy of [spec, realized]) assert.deepEqual(missingFields(ciliumFields.policy, policy), []);
});

test("an endpoint is found by each of its names", async () => {
  const names = ["cilium-local:1", "cni-attachment-id:ctr-a:eth0", "container-id:ctr-a", "container-name:ctr-a"];
  const ofPod = ["pod-name:default:a", "pod-name:default/a", "cep-name:default/a", "ipv4:10.99.0.2", "ipv6:fd00:99::2"];
  for (const id of ["1", ...names, ...ofPod]) {
    const found = (await agent.call("GET", "/v1/endpoint/{id}", 200, { params: { id } })) as { id: number };
    assert.equal(found.id, 1, id);
  }
});

test("endpoints: from what the plugin made to one that the API makes of its device", async () => {
  const bad = { params: { id: "70000" } };
  const none = { params: { id: "12345" } };
  const [row] = (await agent.call("GET", "/v1/endpoint", 200)) as { id: number }[];
  const params = { id: String(row?.id) };
  await agent.call("GET", "/v1/endpoint", 200, { body: ["k8s:app=a"] });
  await agent.call("GET", "/v1/endpoint", 404, { body: ["k8s:app=z"] });
  await agent.call("GET", "/v1/endpoint", 400, { body: [1] });
  for (const path of ["", "/config", "/labels", "/healthz", "/log"]) {
    for (const [status, exchange] of [
      [200, { params }],
      [400, bad],
      [404, none],
    ] as const) {
      await agent.call("GET", `/v1/endpoint/{id}${path}`, status, exchange);
    }
  }
  const changes = { "": {}, "/config": { options: { PolicyAuditMode: "Enabled" } }, "/labels": {} };
  for (const [path, body] of Object.entries(changes)) {
    await agent.call("PATCH", `/v1/endpoint/{id}${path}`, 200, { params, body });
    await agent.call("PATCH", `/v1/endpoint/{id}${path}`, 400, { params, body: { nonsense: 1 } });
    await agent.call("PATCH", `/v1/endpoint/{id}${path}`, 404, { ...none, body });
  }
  const as = await node.client.getEndpoint(params.id);
  const { mac = "", "interface-index": ifindex = 0 } = as.status.networking;
  await agent.call("PATCH", "/v1/endpoint/{id}", 200, { params, body: { mac: mac.toUpperCase(), state: "ready" } });
  for (const body of [{ "interface-index": ifindex + 1 }, { mac: "02:00:00:00:00:09" }, { mac: "x" }, { id: 3 }]) {
    await agent.call("PATCH", "/v1/endpoint/{id}", 400, { params, body });
  }
  await agent.call("PATCH", "/v1/endpoint/{id}/labels", 400, { params, body: { user: ["k8s:app=b"] } });
  await remake(params.id);
});

/** Deletes the endpoint, and makes another one of its device. */
async function remake(id: string): Promise<void> {
  const { status } = await node.client.getEndpoint(id);
  const { networking } = status;
  const request = {
    ...{ "container-id": "made", "interface-name": networking["interface-name"], mac: networking.mac },
    ...{ "interface-index": networking["interface-index"], "host-mac": networking["host-mac"] },
    ...{ addressing: networking.addressing[0], labels: ["app=made"], "sync-build-endpoint": true },
  };
  await agent.call("DELETE", "/v1/endpoint/{id}", 400, { params: { id: "x" } });
  await agent.call("DELETE", "/v1/endpoint/{id}", 200, { params: { id } });
  await agent.call("DELETE", "/v1/endpoint/{id}", 404, { params: { id } });
  const made = (await agent.call("PUT", "/v1/endpoint/{id}", 201, { params: { id: "0" }, body: request })) as {
    id: number;
  };
  const params = { id: String(made.id) };
  await agent.call("PUT", "/v1/endpoint/{id}", 409, { params, body: request });
  await agent.call("PUT", "/v1/endpoint/{id}", 400, { params: { id: "0" }, body: {} });
  const labels = { user: ["app=made", "tier=front"] };
  await agent.call("PATCH", "/v1/endpoint/{id}/labels", 200, { params, body: labels });
  assert.deepEqual(await agent.call("GET", "/v1/endpoint/{id}/labels", 200, { params }), {
    spec: { user: ["container:app=made", "container:tier=front"] },
    status: {
      ...{ "security-relevant": ["container:app=made", "container:tier=front"], derived: [], disabled: [] },
      realized: { user: ["container:app=made", "container:tier=front"] },
    },
  });
  await agent.call("DELETE", "/v1/endpoint", 400, { body: {} });
  const stored = join(node.stateDir, "state", params.id);
  mountBpffs(stored);
  try {
    assert.equal(await agent.call("DELETE", "/v1/endpoint/{id}", 206, { params }), 1);
    assert.equal(await agent.call("DELETE", "/v1/endpoint", 206, { body: { "container-id": "made" } }), 1);
  } finally {
    unmount(stored);
  }
  await agent.call("DELETE", "/v1/endpoint", 200, { body: { "container-id": "made" } });
  await agent.call("DELETE", "/v1/endpoint", 404, { body: { "container-id": "made" } });
}

test("identities, addresses and nodes", async () => {
  await agent.call("GET", "/v1/identity", 200);
  await agent.call("GET", "/v1/identity", 400, { body: {} });
  await agent.call("GET", "/v1/identity", 404, { body: ["k8s:app=z"] });
  await agent.call("GET", "/v1/identity/endpoints", 200);
  assert.deepEqual(await agent.call("GET", "/v1/identity/{id}", 200, { params: { id: "1" } }), {
    ...{ id: 1, labels: ["reserved:host"] },
    labelsSHA256: "e4faf1094f0345379a564e072a74e9c130c4c628b585b75f6be16dbcfd8d1b49",
  });
  await agent.call("GET", "/v1/identity/{id}", 400, { params: { id: "x" } });
  await agent.call("GET", "/v1/identity/{id}", 404, { params: { id: "4000000" } });
  await agent.call("GET", "/v1/ip", 200);
  await agent.call("GET", "/v1/ip", 200, { query: "?cidr=10.99.0.0/16" });
  await agent.call("GET", "/v1/ip", 400, { query: "?cidr=x" });
  await agent.call("GET", "/v1/ip", 404, { query: "?cidr=192.0.2.0/24" });
  await agent.call("GET", "/v1/ip", 404, { body: ["k8s:app=z"] });
  const [router] = (await agent.call("GET", "/v1/ip", 200, { query: "?cidr=10.99.0.1" })) as { cidr: string }[];
  assert.equal(router?.cidr, "10.99.0.1/32");
  await agent.call("GET", "/v1/node/ids", 200);
  await agent.call("GET", "/v1/cluster/nodes", 400, { headers: { "client-id": "x" } });
  const all = (await agent.call("GET", "/v1/cluster/nodes", 200)) as { "client-id": number; "nodes-added": unknown[] };
  const headers = { "client-id": String(all["client-id"]) };
  assert.equal(all["nodes-added"].length, 1);
  assert.deepEqual(await agent.call("GET", "/v1/cluster/nodes", 200, { headers }), {
    ...{ "client-id": all["client-id"], self: "default/n1", "nodes-added": [], "nodes-removed": [] },
  });
});

test("addresses are lent, taken, given back, and run out", async () => {
  const query = "?owner=default/x";
  const lent = (await agent.call("POST", "/v1/ipam", 201, { query, headers: { expiration: "true" } })) as {
    address: { ipv4: string };
  };
  const params = { ip: lent.address.ipv4 };
  await agent.call("POST", "/v1/ipam", 400, { query: `${query}&family=ipx` });
  await agent.call("POST", "/v1/ipam/{ip}", 409, { params, query });
  await agent.call("DELETE", "/v1/ipam/{ip}", 200, { params });
  await agent.call("DELETE", "/v1/ipam/{ip}", 404, { params });
  await agent.call("POST", "/v1/ipam/{ip}", 200, { params, query });
  for (const method of ["POST", "DELETE"]) {
    await agent.call(method, "/v1/ipam/{ip}", 400, { params, query: `${query}&pool=other` });
  }
  await agent.call("POST", "/v1/ipam/{ip}", 400, { params: { ip: "10.1.2.3" }, query });
  await agent.call("DELETE", "/v1/ipam/{ip}", 400, { params: { ip: "x" } });
  // A /29 has no more.
  for (let taken = 0; taken < 8; taken++) {
    await node.client.ipamAllocate({ family: "ipv4", owner: `default/o${taken}` }).catch(() => undefined);
  }
  await agent.call("POST", "/v1/ipam", 502, { query: `${query}&family=ipv4` });
});

test("policies and the prefilter", async () => {
  const policy = {
    ...{ apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata: { name: "p", namespace: "default" } },
    spec: { endpointSelector: {}, ingress: [{ fromEntities: ["host"] }] },
  };
  await agent.call("GET", "/v1/policy", 200);
  await agent.call("PUT", "/v1/policy", 200, { body: policy });
  await agent.call("PUT", "/v1/policy", 400, { body: { ...policy, spec: { endpointSelector: 5 } } });
  const conflict = { ...policy, metadata: { name: "b", namespace: "default" } };
  await agent.call("PUT", "/v1/policy", 409, { body: conflict });
  await agent.call("GET", "/v1/policy/references", 200);
  const subjects = (await agent.call("GET", "/v1/policy/subject-selectors", 200)) as unknown[];
  assert.equal(subjects.length, 2);
  for (const path of ["selectors", "rules", "hits"]) await agent.call("GET", `/v1/policy/${path}`, 200);
  await agent.call("GET", "/v1/policy/explain", 200, { query: "?endpoint=1&direction=ingress" });
  await agent.call("GET", "/v1/policy/explain", 400, { query: "?endpoint=x" });
  await agent.call("DELETE", "/v1/policy", 200, { query: "?name=default/p" });
  await agent.call("DELETE", "/v1/policy", 404, { query: "?name=default/p" });
  await agent.call("GET", "/v1/prefilter", 200);
  for (const method of ["PATCH", "DELETE"]) {
    await agent.call(method, "/v1/prefilter", 200, { body: { revision: 0, deny: ["192.0.2.0/24"] } });
    await agent.call(method, "/v1/prefilter", 400, { body: { deny: "192.0.2.0/24" } });
    await agent.call(method, "/v1/prefilter", 461, { body: { deny: ["x"] } });
  }
});

test("maps and tables, and how they change", async () => {
  const { maps } = (await agent.call("GET", "/v1/map", 200)) as { maps: { path: string }[] };
  assert.ok(maps.some(({ path }) => path.endsWith("/tc/globals/cilium_ipcache_v2")));
  const params = { name: "cilium_ipcache_v2" };
  await agent.call("GET", "/v1/map/{name}", 200, { params });
  await agent.call("GET", "/v1/map/{name}", 404, { params: { name: "none" } });
  const events = (await agent.call("GET", "/v1/map/{name}/events", 200, { params })) as { action: string }[];
  assert.ok(events.some(({ action }) => action === "delete"));
  await agent.call("GET", "/v1/map/{name}/events", 404, { params: { name: "none" } });
  const tables = (await agent.call("GET", "/statedb/dump", 200)) as Record<string, unknown>;
  for (const name of Object.keys(tables)) {
    const rows = (await agent.call("GET", "/statedb/dump/{table}", 200, { params: { table: name } })) as unknown[];
    if (rows.length > 0) {
      await agent.call("GET", "/statedb/changes/{table}", 200, { params: { table: name }, enough: 1 });
    }
  }
  await agent.call("GET", "/statedb/dump/{table}", 404, { params: { table: "none" } });
  await agent.call("GET", "/statedb/changes/{table}", 404, { params: { table: "none" } });
  const query = (body: unknown, status: number) => agent.call("GET", "/statedb/query", status, { body });
  assert.deepEqual(await query({ table: "identities", key: "1" }, 200), [
    { ID: 1, Labels: ["reserved:host"], Source: "reserved" },
  ]);
  await query({ table: "identities", key: "1", index: "Nonsense" }, 400);
  await query({ table: "none", key: "1" }, 404);
});

test("metrics that cost something are there only where somebody asks for them", async () => {
  const metrics = (await agent.call("GET", "/v1/metrics", 200)) as { name: string }[];
  const names = new Set(metrics.map(({ name }) => name.replace(/_(bucket|count|sum)$/, "")));
  for (const [name, there] of [
    ["bpf_map_ops_total", true],
    ["event_ts", true],
    ["ipcache_events_total", false],
    ["bpf_syscall_duration_seconds", false],
  ] as const) {
    assert.equal(names.has(`cilium_${name}`), there, name);
  }
});

test("who asks over TCP on the node learns whether the agent is well", async () => {
  for (const url of ["http://127.0.0.1:9879/healthz", "http://[::1]:9879/healthz"]) {
    const { code, stdout } = await node.run("node", ["curl", "-s", "-m", "30", "-H", "brief: true", "-g", url]);
    assert.equal(code, 0);
    assert.equal((JSON.parse(stdout) as { cilium: { state: string } }).cilium.state, "Ok");
  }
});

test("the health socket", async () => {
  for (const path of ["openapi.json", "healthz", "status"]) await health.call("GET", `/v1beta/${path}`, 200);
  await health.call("PUT", "/v1beta/status/probe", 200);
});

test("what is off or comes too often is refused as described", async () => {
  const settings = "rate-limit:1/h,rate-burst:1,skip-initial:0,auto-adjust:false,max-wait-duration:1ms";
  const limits = ["create", "patch", "get", "list", "delete"].map((name) => `endpoint-${name}=${settings}`);
  await restart(`--api-rate-limit=${limits}`, "--enable-xdp-prefilter=false", "--enable-ipv6=false", "--ipv6-range=");
  for (const method of ["GET", "PATCH", "DELETE"]) await agent.call(method, "/v1/prefilter", 501, { body: {} });
  const params = { ip: "fd00:99::9" };
  for (const method of ["POST", "DELETE"])
    await agent.call(method, "/v1/ipam/{ip}", 501, { params, query: "?owner=a" });
  await agent.call("POST", "/v1/ipam", 502, { query: "?owner=a&family=ipv6" });
  const none = { params: { id: "1" }, body: {} };
  for (const [method, path, status] of [
    ["GET", "/v1/endpoint", 400],
    ["DELETE", "/v1/endpoint", 400],
    ["GET", "/v1/endpoint/{id}", 404],
    ["PUT", "/v1/endpoint/{id}", 400],
    ["PATCH", "/v1/endpoint/{id}", 404],
  ] as const) {
    await agent.call(method, path, status, none);
  }
  for (const [method, path] of described(agent, "429")) await agent.call(method, path, 429, none);
});

test("what is not to be served is refused", async () => {
  await restart("--enable-cilium-api-server-access=", "--enable-cilium-health-api-server-access=");
  for (const api of [agent, health]) {
    for (const [method, path] of described(api, "403")) await api.call(method, path, 403, { body: {}, params: closed });
  }
});

test("nothing that is described was left out", () => assert.deepEqual([...left(agent), ...left(health)], []));

const closed = { id: "1", ip: "10.99.0.2", name: "cilium_lxc", table: "nodes" };

async function restart(...flags: string[]): Promise<void> {
  await node.end(running, "SIGTERM");
  ({ child: running } = await node.startAgent(flags));
}

/** Calls that may be answered so. */
function described(api: DescribedApi, status: string): readonly (readonly [method: string, path: string])[] {
  return Object.entries(api.description.paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, { responses }]) =>
      status in responses ? [[method.toUpperCase(), path] as const] : [],
    ),
  );
}

function left(api: DescribedApi): readonly string[] {
  return api.unseen().filter((what) => !unprovoked.some((pattern) => pattern.test(what)));
}
