// SPDX-License-Identifier: Apache-2.0
// The ipcaches of two nodes that announce to each other, over a store in memory and a real etcd.
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../core/testing.ts";
import { type Kvstore, openKvstore } from "../kvstore/index.ts";
import { TestEtcd } from "../kvstore/testing.ts";
import { createNodes, type NodeRow } from "../node/index.ts";
import { createIpcache } from "./index.ts";

let stores = 0;

function row(n: number): NodeRow {
  return {
    ...{
      name: `node${n}`,
      cluster: "default",
      clusterId: 0,
      encryptionKey: 0,
      labels: {},
      bootId: "",
      source: "local",
    },
    addresses: [
      { type: "InternalIP", ip: `172.31.240.${n}` },
      { type: "CiliumInternalIP", ip: `10.1.${n}.1` },
    ],
    ipv4PodCidr: `10.1.${n}.0/24`,
  };
}

/** Withdrawals wait no longer than tests do. */
const held = { graceMs: 100, lostMs: 100 };

/** A node with its ipcache; leaves as a crash would when `kvstore.close()` is called first. */
async function startNode(kvstore: Kvstore, n: number) {
  const nodes = createNodes({ kvstore, held }, { local: row(n) });
  const ipcache = createIpcache({ nodes, kvstore, held }, { tunnel: true, underlayFamily: 4, families: [4, 6] });
  const { signal } = new AbortController();
  await nodes.start(signal);
  await ipcache.start(signal);
  return {
    ipcache,
    kvstore,
    has: (prefix: string) => {
      const found = ipcache.table.get(prefix);
      return found === undefined ? "" : `${found.identity} ${found.tunnelEndpoint ?? "-"} ${found.source}`;
    },
    async [Symbol.asyncDispose]() {
      await ipcache.stop();
      await nodes.stop();
      await kvstore.close();
    },
  };
}

function memoryStore(): () => Kvstore {
  const options = { "memory.name": `ipcache-test-${stores++}` };
  return () => openKvstore({ kind: "memory", options });
}

const pod = { id: 7, identity: 300, ipv4: "10.1.2.5", ipv6: "fd00:10:1:2::5", namespace: "default", name: "deathstar" };

test("a pod's addresses reach the other node, with identity, place and name, and leave again", async () => {
  const open = memoryStore();
  await using one = await startNode(open(), 1);
  await using two = await startNode(open(), 2);
  await one.ipcache.table.initialized();
  await eventually("the prefix of the other node", () => one.has("10.1.2.0/24") === "9 172.31.240.2 kvstore");
  assert.equal(one.has("172.31.240.2/32"), "6 - kvstore");
  assert.equal(one.has("10.1.2.1/32"), "6 172.31.240.2 kvstore");
  assert.equal(one.has("172.31.240.1/32"), "1 - local");
  assert.equal(one.has("0.0.0.0/0"), "9 - generated");
  two.ipcache.setEndpoint(pod);
  assert.equal(two.has("10.1.2.5/32"), "300 - local");
  await eventually("IPv4", () => one.has("10.1.2.5/32") === "300 172.31.240.2 kvstore");
  await eventually("IPv6", () => one.has("fd00:10:1:2::5/128") === "300 172.31.240.2 kvstore");
  assert.deepEqual(one.ipcache.table.get("10.1.2.5/32")?.metadata, { namespace: "default", name: "deathstar" });
  two.ipcache.setEndpoint({ ...pod, identity: 301, ipv6: "fd00:10:1:2::6" });
  await eventually("the new identity", () => one.has("10.1.2.5/32") === "301 172.31.240.2 kvstore");
  await eventually(
    "the new address",
    () => one.has("fd00:10:1:2::6/128") !== "" && one.has("fd00:10:1:2::5/128") === "",
  );
  assert.deepEqual(
    two.ipcache.claims("10.1.2.5/32").map(({ source }) => source),
    ["local"],
  );
  two.ipcache.removeEndpoint(pod.id);
  await eventually("the withdrawal", () => one.has("10.1.2.5/32") === "" && one.has("fd00:10:1:2::6/128") === "");
  assert.equal(two.has("10.1.2.5/32"), "");
});

test("a node that dies takes its prefixes and pods along when its lease ends", async () => {
  await using etcd = await TestEtcd.start();
  await using one = await startNode(openKvstore(etcd.config(1)), 1);
  const two = await startNode(openKvstore(etcd.config(1)), 2);
  two.ipcache.setEndpoint(pod);
  await eventually("the pod", () => one.has("10.1.2.5/32") !== "" && one.has("10.1.2.0/24") !== "");
  await two[Symbol.asyncDispose]();
  await eventually("the withdrawal", () => one.has("10.1.2.5/32") === "" && one.has("10.1.2.0/24") === "");
  assert.equal(one.has("172.31.240.2/32"), "");
});

test("without etcd everything stays; after it lost its data all is announced again and the rest goes", async () => {
  await using etcd = await TestEtcd.start();
  await using one = await startNode(openKvstore(etcd.config()), 1);
  await using two = await startNode(openKvstore(etcd.config()), 2);
  two.ipcache.setEndpoint(pod);
  await one.kvstore.put("cilium/state/ip/v1/default/10.1.3.9", '{"IP":"10.1.3.9","HostIP":"172.31.240.3","ID":400}');
  const prefixes = ["10.1.2.5/32", "10.1.3.9/32", "10.1.2.0/24"];
  await eventually("all", () => prefixes.every((prefix) => one.has(prefix) !== ""));
  await etcd.kill();
  await eventually("the status", () => one.kvstore.status().state === "Failure");
  two.ipcache.setEndpoint({ ...pod, id: 8, ipv4: "10.1.2.8", ipv6: "fd00:10:1:2::8" });
  assert.equal(two.has("10.1.2.8/32"), "300 - local");
  assert.equal(one.has("10.1.2.5/32"), "300 172.31.240.2 kvstore");
  assert.equal(one.has("10.1.2.0/24"), "9 172.31.240.2 kvstore");
  etcd.wipe();
  await etcd.resume();
  await eventually("the end of what nobody announces", () => one.has("10.1.3.9/32") === "");
  await eventually("all again", () => one.has("10.1.2.5/32") !== "" && one.has("10.1.2.8/32") !== "");
  await eventually("the node again", () => one.has("10.1.2.0/24") === "9 172.31.240.2 kvstore");
});

test("a restarted node removes what an earlier run announced, once its endpoints are restored", async () => {
  const open = memoryStore();
  await using one = await startNode(open(), 1);
  const before = await startNode(open(), 2);
  before.ipcache.setEndpoint({ id: 7, identity: 300, ipv4: "10.1.2.5" });
  before.ipcache.setEndpoint({ id: 8, identity: 300, ipv4: "10.1.2.6" });
  await eventually("both pods", () => one.has("10.1.2.5/32") !== "" && one.has("10.1.2.6/32") !== "");
  await before[Symbol.asyncDispose]();
  assert.notEqual(one.has("10.1.2.5/32"), "");
  await using again = await startNode(open(), 2);
  again.ipcache.setEndpoint({ id: 7, identity: 300, ipv4: "10.1.2.5" });
  await again.ipcache.table.initialized();
  assert.equal(again.has("10.1.2.6/32"), "");
  assert.notEqual(one.has("10.1.2.6/32"), "");
  again.ipcache.endpointsRestored();
  await eventually("the removal", () => one.has("10.1.2.6/32") === "");
  assert.equal(one.has("10.1.2.5/32"), "300 172.31.240.2 kvstore");
});

test("poisoned announcements are skipped and named; what was last right of an address stays", async () => {
  const open = memoryStore();
  await using other = open();
  await using one = await startNode(open(), 1);
  const key = (ip: string) => `cilium/state/ip/v1/default/${ip}`;
  await other.put(key("10.1.2.5"), '{"IP":"10.1.2.5","HostIP":"172.31.240.2","ID":300}');
  await eventually("the address", () => one.has("10.1.2.5/32") !== "");
  for (const [ip, value] of [
    ["10.1.2.5", "{"],
    ["10.1.2.6", '{"IP":"10.1.2.6","ID":"x"}'],
    ["nonsense", "7"],
  ] as const) {
    await other.put(key(ip), value);
  }
  await other.put(key("10.1.2.7"), '{"IP":"10.1.2.7","HostIP":"172.31.240.2","ID":301}');
  await eventually("the good one", () => one.has("10.1.2.7/32") !== "");
  assert.deepEqual(
    one.ipcache
      .skipped()
      .map((skipped) => skipped.key.split("/").at(-1))
      .sort(),
    ["10.1.2.5", "10.1.2.6", "nonsense"],
  );
  assert.equal(one.has("10.1.2.5/32"), "300 172.31.240.2 kvstore");
  assert.equal(one.ipcache.health().state, "degraded");
  for (const ip of ["10.1.2.5", "10.1.2.6", "nonsense"]) await other.delete(key(ip));
  await eventually("the end of the report", () => one.ipcache.health().state === "ok");
  assert.equal(one.has("10.1.2.5/32"), "");
});

test("another node cannot overwrite what this one says of its own addresses", async () => {
  const open = memoryStore();
  await using other = open();
  await using one = await startNode(open(), 1);
  one.ipcache.setEndpoint({ id: 3, identity: 300, ipv4: "10.1.1.5" });
  // Else this node's announcement comes behind the other's and ends the report of it.
  await eventually(
    "its announcement",
    async () => (await other.get("cilium/state/ip/v1/default/10.1.1.5")) !== undefined,
  );
  for (const ip of ["10.1.1.5", "172.31.240.1"]) {
    await other.put(`cilium/state/ip/v1/default/${ip}`, JSON.stringify({ IP: ip, HostIP: "172.31.240.66", ID: 666 }));
  }
  await eventually("the report", () => one.ipcache.skipped().length === 2);
  assert.match(one.ipcache.skipped()[0]?.reason ?? "", /overlaps this node's pod CIDR|covers this node's address/);
  assert.equal(one.has("10.1.1.5/32"), "300 - local");
  assert.equal(one.has("172.31.240.1/32"), "1 - local");
});
