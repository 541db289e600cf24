// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { pendingStatus } from "../../src/core/index.ts";
import { createIpcacheTable, type IpcacheRow, type PodPort } from "../../src/ipcache/index.ts";
import { createResourceTable } from "../../src/kubernetes/index.ts";
import { createNamedPorts, portsOfPod } from "./named-ports.ts";

const http: PodPort = { name: "http", protocol: 6, port: 80 };
const dns: PodPort = { name: "dns", protocol: 17, port: 53 };

function row(ip: string, identity: number, namedPorts: readonly PodPort[]): IpcacheRow {
  const base = { prefix: `${ip}/32`, identity, encryptKey: 0, skipTunnel: false, remoteCluster: false };
  return { ...base, source: "kvstore", status: pendingStatus(0), ...(namedPorts.length > 0 ? { namedPorts } : {}) };
}

test("a pod's ports are those of its containers that have a name", () => {
  const resources = createResourceTable();
  const containers = [
    { ports: [{ name: "HTTP", containerPort: 80 }, { containerPort: 81 }, { name: "bad", containerPort: 0 }] },
    {
      ports: [
        { name: "dns", containerPort: 53, protocol: "UDP" },
        { name: "x", containerPort: 1, protocol: "GRE" },
      ],
    },
    {},
  ];
  const coordinates = { apiVersion: "v1", kind: "Pod", namespace: "default", name: "p" };
  resources.upsert({ id: "Pod/default/p", ...coordinates, object: { spec: { containers } }, origin: "test" });
  assert.deepEqual(portsOfPod(resources, "default", "p"), [http, dns]);
  assert.deepEqual(portsOfPod(resources, "default", "q"), []);
});

test("an identity has the ports of all pods with it, as they come and go", async (t) => {
  const ipcache = createIpcacheTable();
  const told: [number, readonly PodPort[]][] = [];
  const setNamedPorts = (identity: number, ports: readonly PodPort[]) => void told.push([identity, ports]);
  ipcache.upsert(row("10.0.0.1", 300, [http]));
  const module = createNamedPorts({ engine: { setNamedPorts }, ipcache });
  await module.start(new AbortController().signal);
  t.after(() => module.stop?.());
  assert.deepEqual(told.splice(0), [[300, [http]]]);
  ipcache.upsert(row("10.0.0.2", 300, [http, dns]));
  ipcache.upsert(row("10.0.0.3", 301, []));
  await turn();
  assert.deepEqual(told.splice(0), [[300, [http, dns]]]);
  ipcache.delete("10.0.0.2/32");
  ipcache.delete("10.0.0.1/32");
  await turn();
  assert.deepEqual(told.splice(0), [[300, []]]);
});
