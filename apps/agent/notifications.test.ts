// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type AgentNotification, decodeAgentNotify } from "../../src/api/index.ts";
import { doneStatus, errorStatus, Labels, pendingStatus, systemClock } from "../../src/core/index.ts";
import { createEndpointTable, type EndpointRow } from "../../src/endpoint/index.ts";
import { createIpcacheTable, type IpcacheRow } from "../../src/ipcache/index.ts";
import { createPolicyTable } from "../../src/policy/index.ts";
import { createEventModule } from "./events.ts";
import { createNotifications, ofEndpoint, ofPrefix } from "./notifications.ts";

const endpoint: EndpointRow = {
  ...{ id: 12, phase: "active", status: pendingStatus(1), containerId: "c", containerInterfaceName: "eth0" },
  ...{ netnsPath: "", interfaceName: "lxc1", ifindex: 3, mac: "", nodeMac: "", podNamespace: "default" },
  ...{ podName: "web", labels: Labels.parse(["k8s:app=web"]), generation: 1, log: [] },
};

test("listeners are told of endpoints, policies and addresses; without one nothing is made", async () => {
  const events = createEventModule({ createEventReader: () => assert.fail("not started") });
  const tables = { endpoints: createEndpointTable(), policies: createPolicyTable(), ipcache: createIpcacheTable() };
  const module = createNotifications({ events, ...tables, engine: { revision: 5 }, clock: systemClock });
  const told: [AgentNotification | number, unknown][] = [];
  const subscription = events.subscribe(({ data, type }) => {
    assert.equal(type, 9);
    const { kind, text } = decodeAgentNotify(data);
    told.push([kind, JSON.parse(text)]);
  });
  await module.start(new AbortController().signal);
  tables.endpoints.upsert(endpoint);
  tables.policies.upsert({
    ...{ id: "CiliumNetworkPolicy/default/p", uid: "", kind: "CiliumNetworkPolicy", namespace: "default", name: "p" },
    ...{ resource: {}, rules: [], source: "api", revision: 4 },
  });
  await turn();
  tables.policies.delete("CiliumNetworkPolicy/default/p");
  await turn();
  const labels = ["k8s:io.cilium.k8s.policy.derived-from=CiliumNetworkPolicy"];
  labels.push("k8s:io.cilium.k8s.policy.name=p", "k8s:io.cilium.k8s.policy.namespace=default");
  assert.deepEqual(told.slice(1), [
    [7, { id: 12, labels: ["k8s:app=web"], "pod-name": "web", namespace: "default" }],
    [5, { labels, revision: 4, rule_count: 0 }],
    [6, { labels, revision: 5, rule_count: 0 }],
  ]);
  assert.equal(told[0]?.[0], 2);
  subscription[Symbol.dispose]();
  assert.equal(events.listening, false);
  await module.stop?.();
});

test("an endpoint is regenerated when the kernel has what its row says, failed when it has not", () => {
  const kinds = (status: EndpointRow["status"]) =>
    ofEndpoint({ kind: "upsert", row: { ...endpoint, status }, previous: endpoint });
  assert.deepEqual(kinds(endpoint.status), []);
  assert.deepEqual(kinds(doneStatus(2)), [["Endpoint regenerated", { id: 12, labels: ["k8s:app=web"] }]]);
  assert.deepEqual(kinds(errorStatus("no", 2)), [
    ["Failed endpoint regeneration", { id: 12, labels: ["k8s:app=web"], error: "no" }],
  ]);
  assert.equal(ofEndpoint({ kind: "delete", row: endpoint })[0]?.[0], "Endpoint deleted");
});

test("an address is upserted again only when it means something else", () => {
  const row: IpcacheRow = {
    ...{ prefix: "10.1.0.5/32", identity: 7, hostIp: "192.0.2.1", encryptKey: 0, skipTunnel: false },
    ...{ remoteCluster: false, source: "kvstore" as const, status: pendingStatus(1) },
  };
  assert.deepEqual(ofPrefix({ kind: "upsert", row: { ...row, status: doneStatus(2) }, previous: row }), []);
  assert.deepEqual(ofPrefix({ kind: "upsert", row: { ...row, identity: 8 }, previous: row }), [
    [
      "IPCache entry upserted",
      { cidr: "10.1.0.5/32", id: 8, "host-ip": "192.0.2.1", "encrypt-key": 0, "old-id": 7, "old-host-ip": "192.0.2.1" },
    ],
  ]);
});
