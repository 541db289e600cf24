// SPDX-License-Identifier: Apache-2.0
// Ranking of what is said about a prefix, and what follows from nodes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { doneStatus } from "../core/index.ts";
import type { NodeRow } from "../node/index.ts";
import { defaultEntries, localNodeEntries, remoteNodeEntries } from "./node-entries.ts";
import { IpcacheStore } from "./store.ts";
import { createIpcacheTable } from "./table.ts";
import type { IpcacheEntry, IpcacheSource } from "./types.ts";

const prefix = "10.1.2.5/32";

function entry(identity: number, source: IpcacheSource, more: Partial<IpcacheEntry> = {}): IpcacheEntry {
  return { prefix, identity, source, encryptKey: 0, skipTunnel: false, remoteCluster: false, ...more };
}

function setUp() {
  const table = createIpcacheTable();
  const store = new IpcacheStore(table);
  return { table, store, identity: () => table.get(prefix)?.identity };
}

test("a lower source never overwrites a higher one, and takes over when that goes", () => {
  const { store, identity } = setUp();
  store.upsert("a", entry(300, "custom-resource"));
  store.upsert("b", entry(301, "kvstore"));
  assert.equal(identity(), 301);
  store.upsert("c", entry(302, "generated"));
  store.upsert("a", entry(303, "custom-resource"));
  assert.equal(identity(), 301);
  store.upsert("d", entry(1, "local"));
  assert.equal(identity(), 1);
  store.remove("d", prefix);
  assert.equal(identity(), 301);
  store.remove("b", prefix);
  assert.equal(identity(), 303);
  store.remove("a", prefix);
  assert.deepEqual(
    store.claims(prefix).map(({ identity: id }) => id),
    [302],
  );
  store.remove("c", prefix);
  store.remove("c", prefix);
  assert.equal(identity(), undefined);
});

test("of equal sources the later one counts, and the earlier one again after it", () => {
  const { store, identity } = setUp();
  store.upsert("a", entry(300, "kvstore"));
  store.upsert("b", entry(301, "kvstore"));
  store.upsert("a", entry(300, "kvstore"));
  assert.equal(identity(), 301);
  store.remove("b", prefix);
  assert.equal(identity(), 300);
});

test("replace() makes entries all that an owner says", () => {
  const { table, store } = setUp();
  store.replace("a", [entry(300, "kvstore"), entry(301, "kvstore", { prefix: "10.1.2.6/32" })]);
  store.replace("a", [
    entry(302, "kvstore", { prefix: "10.1.2.6/32" }),
    entry(303, "kvstore", { prefix: "10.1.2.7/32" }),
  ]);
  assert.deepEqual(
    [...table.all()].map((row) => `${row.prefix}=${row.identity}`),
    ["10.1.2.6/32=302", "10.1.2.7/32=303"],
  );
});

test("only what the kernel holds makes a row pending again", () => {
  const { table, store } = setUp();
  store.upsert("a", entry(300, "kvstore"));
  const row = table.get(prefix);
  assert.ok(row);
  assert.equal(row.status.kind, "pending");
  table.upsert({ ...row, status: doneStatus() });
  const revision = table.revision;
  store.upsert("a", entry(300, "kvstore"));
  assert.equal(table.revision, revision);
  store.upsert("a", entry(300, "kvstore", { metadata: { namespace: "default", name: "pod" } }));
  assert.equal(table.get(prefix)?.metadata?.name, "pod");
  assert.equal(table.get(prefix)?.status.kind, "done");
  store.upsert("a", entry(301, "kvstore"));
  assert.equal(table.get(prefix)?.status.kind, "pending");
});

const node: NodeRow = {
  ...{ name: "node2", cluster: "default", clusterId: 0, encryptionKey: 3, labels: {}, bootId: "", source: "kvstore" },
  addresses: [
    { type: "InternalIP", ip: "172.31.240.3" },
    { type: "InternalIP", ip: "fd00:31:240::3" },
    { type: "CiliumInternalIP", ip: "10.1.2.1" },
  ],
  ...{ ipv4PodCidr: "10.1.2.0/24", ipv6PodCidr: "fd00:10:1:2::/112" },
};

function brief(entries: readonly IpcacheEntry[]): string[] {
  return entries.map((e) => `${e.prefix} ${e.identity} ${e.tunnelEndpoint ?? "-"} ${e.encryptKey} ${e.source}`);
}

test("another node's prefixes lead through the tunnel, its underlay addresses do not", () => {
  const tunnelled = remoteNodeEntries(node, {
    tunnel: true,
    underlayFamily: 4,
    dualStack: true,
    identities: new Map(),
  });
  assert.deepEqual(brief(tunnelled), [
    "10.1.2.0/24 9 172.31.240.3 3 kvstore",
    "fd00:10:1:2::/112 10 172.31.240.3 3 kvstore",
    "172.31.240.3/32 6 - 0 kvstore",
    "fd00:31:240::3/128 6 - 0 kvstore",
    "10.1.2.1/32 6 172.31.240.3 3 kvstore",
  ]);
  const overIpv6 = remoteNodeEntries(node, {
    tunnel: true,
    underlayFamily: 6,
    dualStack: false,
    identities: new Map(),
  });
  assert.equal(brief(overIpv6)[0], "10.1.2.0/24 2 fd00:31:240::3 3 kvstore");
  const native = remoteNodeEntries(node, { tunnel: false, underlayFamily: 4, dualStack: false, identities: new Map() });
  assert.ok(native.every(({ tunnelEndpoint }) => tunnelEndpoint === undefined));
});

test("this node's addresses are the host, the rest is the world", () => {
  assert.deepEqual(brief(localNodeEntries(node)), [
    "172.31.240.3/32 1 - 0 local",
    "fd00:31:240::3/128 1 - 0 local",
    "10.1.2.1/32 1 - 0 local",
  ]);
  assert.deepEqual(brief(defaultEntries([4])), ["0.0.0.0/0 2 - 0 generated"]);
  assert.deepEqual(brief(defaultEntries([4, 6])), ["0.0.0.0/0 9 - 0 generated", "::/0 10 - 0 generated"]);
});
