// SPDX-License-Identifier: Apache-2.0
// Values that others write into the key-value store: skipped, counted, reported by name; local truth wins; no crash.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { configureLogging, createMetrics, Labels } from "../../src/core/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { createIdentityTable, createKvstoreIdentityAllocator, Identity } from "../../src/identity/index.ts";
import { createIpcache } from "../../src/ipcache/index.ts";
import { type Kvstore, openKvstore } from "../../src/kvstore/index.ts";
import { createNodes, type NodeRow } from "../../src/node/index.ts";
import { assertNoPollution, fuzz, Random } from "./random.ts";

configureLogging({ level: "silent" });

const unhandled: unknown[] = [];
const remember = (reason: unknown): void => void unhandled.push(reason);
process.on("unhandledRejection", remember);
after(() => process.off("unhandledRejection", remember));

const prefixes = {
  nodes: "cilium/state/nodes/v1/",
  ip: "cilium/state/ip/v1/default/",
  id: "cilium/state/identities/v1/id/",
  value: "cilium/state/identities/v1/value/",
};

const local: NodeRow = {
  ...{ name: "node1", cluster: "default", clusterId: 0, encryptionKey: 0, labels: {}, bootId: "b", source: "local" },
  addresses: [
    { type: "InternalIP", ip: "172.31.240.1" },
    { type: "InternalIP", ip: "fd00:31::1" },
    { type: "CiliumInternalIP", ip: "10.1.1.1" },
  ],
  ...{ ipv4PodCidr: "10.1.1.0/24", ipv6PodCidr: "fd00:10:1:1::/64" },
};

const node = (name: string, more: object = {}): Record<string, unknown> => ({
  ...{ Name: name, Cluster: "default", ClusterID: 0, EncryptionKey: 0, Labels: { a: "b" }, BootID: "x" },
  IPAddresses: [
    { Type: "InternalIP", IP: "172.31.240.2" },
    { Type: "CiliumInternalIP", IP: "10.1.2.1" },
  ],
  ...{
    IPv4AllocCIDR: { IP: "10.1.2.0", Mask: "////AA==" },
    IPv6AllocCIDR: "fd00:10:1:2::/64",
    IPv4HealthIP: "10.1.2.9",
  },
  ...more,
});
const address = {
  IP: "10.1.2.5",
  Mask: null,
  HostIP: "172.31.240.2",
  ID: 300,
  Key: 0,
  K8sNamespace: "n",
  K8sPodName: "p",
};
const labels = "k8s:app=web;k8s:io.cilium.k8s.policy.cluster=default;k8s:io.kubernetes.pod.namespace=default;";

let stores = 0;

/** What an agent has of the cluster, over a store in memory that somebody else writes into too. */
async function startAgent() {
  const options = { "memory.name": `fuzz-etcd-${stores++}` };
  const open = (): Kvstore => openKvstore({ kind: "memory", options });
  const [kvstore, attacker] = [open(), open()];
  const metrics = createMetrics();
  const { signal } = new AbortController();
  const deps = { kvstore, metrics, held: { graceMs: 20, lostMs: 20 } };
  const nodes = createNodes(deps, { local });
  const ipcache = createIpcache({ ...deps, nodes }, { tunnel: true, underlayFamily: 4, families: [4, 6] });
  const identities = createKvstoreIdentityAllocator(
    { kvstore, metrics, table: createIdentityTable() },
    { nodeIp: "172.31.240.1", timeoutMs: 2000 },
  );
  await nodes.start(signal);
  await ipcache.start(signal);
  await Promise.all([identities.ready(), nodes.table.initialized(), ipcache.table.initialized()]);
  ipcache.setEndpoint({ id: 7, identity: 300, ipv4: "10.1.1.5", ipv6: "fd00:10:1:1::5", namespace: "n", name: "mine" });
  ipcache.endpointsRestored();
  const stop = async () => {
    await identities.close();
    await ipcache.stop();
    await nodes.stop();
    await Promise.all([kvstore.close(), attacker.close()]);
  };
  return { attacker, nodes, ipcache, identities, metrics, [Symbol.asyncDispose]: stop };
}
type TestAgent = Awaited<ReturnType<typeof startAgent>>;

/** What must hold whatever others write. */
function assertLocalTruth({ nodes, ipcache, identities }: TestAgent): void {
  assert.deepEqual(nodes.table.get("default/node1"), local);
  for (const prefix of ["10.1.1.5/32", "fd00:10:1:1::5/128"]) {
    const row = ipcache.table.get(prefix);
    assert.deepEqual([row?.identity, row?.tunnelEndpoint, row?.source], [300, undefined, "local"], prefix);
  }
  for (const prefix of ["172.31.240.1/32", "fd00:31::1/128", "10.1.1.1/32"]) {
    const row = ipcache.table.get(prefix);
    assert.deepEqual([row?.identity, row?.tunnelEndpoint, row?.source], [Identity.host, undefined, "local"], prefix);
  }
  for (const prefix of ["0.0.0.0/0", "::/0"]) assert.equal(ipcache.table.get(prefix)?.source, "generated", prefix);
  for (const row of identities.table.all()) {
    const reserved = [...row.labels].some(({ source }) => source === "reserved");
    assert.equal(reserved, row.source === "reserved", `identity ${row.id}: ${row.labels}`);
    assert.ok(row.id >= 256 || row.source === "reserved", String(row.id));
  }
  for (const row of ipcache.table.all()) {
    if (row.source !== "kvstore") continue;
    assert.ok(Number(row.prefix.split("/")[1]) >= 8, row.prefix);
    assert.notEqual(row.identity, Identity.host, row.prefix);
  }
  assert.deepEqual(unhandled, []);
  assertNoPollution();
}

/** Waits until everything written so far was looked at: what is written last is seen last. */
async function settle(agent: TestAgent, marker: number): Promise<void> {
  const name = `marker${marker}`;
  const ip = `10.9.${marker >> 8}.${marker & 255}`;
  await agent.attacker.put(`${prefixes.nodes}default/${name}`, JSON.stringify({ Name: name, Cluster: "default" }));
  await agent.attacker.put(`${prefixes.ip}${ip}`, JSON.stringify({ IP: ip, ID: 300 }));
  await agent.attacker.put(`${prefixes.id}${50_000 + marker}`, `k8s:marker=${marker};`);
  await eventually("the marker", () => {
    const seen =
      agent.ipcache.table.get(`${ip}/32`) !== undefined && agent.nodes.table.get(`default/${name}`) !== undefined;
    return seen && agent.identities.get(50_000 + marker) !== undefined;
  });
}

function poison(random: Random): readonly [string, string] {
  const spoil = (value: unknown): string => {
    const text = JSON.stringify(random.mutate(value)) ?? "";
    return random.chance(0.3) ? random.mutateText(text) : text;
  };
  switch (random.int(0, 4)) {
    case 0: {
      const name = random.pick(["node1", "node2", "node3", "../x", "a/b", "\u001b[2J", "__proto__"]);
      return [`${prefixes.nodes}default/${name}`, spoil(node(name))];
    }
    case 1: {
      const ip = random.pick([
        "10.1.1.5",
        "10.1.2.5",
        "172.31.240.1",
        "0.0.0.0/0",
        "10.0.0.0/8",
        "::/0",
        "fd00:31::1",
        "x",
      ]);
      const [IP] = ip.split("/");
      return [`${prefixes.ip}${ip}`, spoil({ ...address, IP, ...(ip === "0.0.0.0/0" ? { Mask: "AAAAAA==" } : {}) })];
    }
    case 2:
      return [
        `${prefixes.id}${random.pick([1, 2, 255, 256, 300, 65536, "01", "-1", "1e3", ""])}`,
        random.mutateText(labels),
      ];
    case 3:
      return [`${prefixes.value}${random.mutateText(labels)}/172.31.240.2`, String(random.pick(["256", "x", -1]))];
    default:
      return [`${random.pick(Object.values(prefixes))}${random.text(30).toWellFormed()}`, spoil(random.json())];
  }
}

fuzz("etcd: mutated nodes, addresses and identities, in a running agent", 100, async (random, n) => {
  await using agent = await startAgent();
  for (let left = 60; left > 0; left--) {
    const [key, value] = poison(random);
    await agent.attacker.put(key.toWellFormed(), value.toWellFormed());
    if (random.chance(0.1)) await agent.attacker.delete(key.toWellFormed());
  }
  await settle(agent, n);
  assertLocalTruth(agent);
  assert.ok(agent.identities.skipped().length + agent.nodes.skipped().length + agent.ipcache.skipped().length > 0);
  const mine = await agent.identities.allocate(Labels.parse([`k8s:mine=${n}`]));
  assert.ok(mine.id >= 256);
});

/** An attack: keys that are written, and what the report says of them. */
const attacks: readonly (readonly [string, string, string, RegExp])[] = [
  [
    "a value that makes a check throw",
    `${prefixes.nodes}default/n`,
    '{"Name":{"length":{"toString":1}}}',
    /an object stands/,
  ],
  [
    "the same in a list",
    `${prefixes.nodes}default/n`,
    '{"Name":"n","Cluster":"default","IPAddresses":{"length":{"valueOf":1,"toString":1}}}',
    /an object stands/,
  ],
  ["the same in an address", `${prefixes.ip}10.1.2.5`, '{"IP":{"length":{"toString":1}},"ID":300}', /an object stands/],
  [
    "a node with this node's name",
    `${prefixes.nodes}default/node1`,
    JSON.stringify(node("node1")),
    /by this node's name/,
  ],
  [
    "a node with this node's address",
    `${prefixes.nodes}default/x`,
    JSON.stringify(node("x", { IPAddresses: [{ Type: "InternalIP", IP: "172.31.240.1" }] })),
    /claims this node's address 172\.31\.240\.1/,
  ],
  [
    "a node with a local pod's address",
    `${prefixes.nodes}default/x`,
    JSON.stringify(node("x", { IPAddresses: [{ Type: "InternalIP", IP: "10.1.1.5" }] })),
    /claims 10\.1\.1\.5 of this node's pod CIDR/,
  ],
  [
    "a node with this node's pod CIDR",
    `${prefixes.nodes}default/x`,
    JSON.stringify(node("x", { IPv4AllocCIDR: "10.1.1.0/24" })),
    /pod CIDR 10\.1\.1\.0\/24 overlaps/,
  ],
  [
    "a node with a part of it",
    `${prefixes.nodes}default/x`,
    JSON.stringify(node("x", { IPv6AllocCIDR: "fd00:10:1:1:8000::/65" })),
    /overlaps this node's pod CIDR/,
  ],
  [
    "a node with all of it and more",
    `${prefixes.nodes}default/x`,
    JSON.stringify(node("x", { IPv4AllocCIDR: "10.0.0.0/8" })),
    /overlaps this node's pod CIDR/,
  ],
  [
    "a node whose pods are the underlay",
    `${prefixes.nodes}default/x`,
    JSON.stringify(node("x", { IPv4AllocCIDR: "172.31.240.0/24" })),
    /covers this node's address/,
  ],
  [
    "a node whose pods are everything",
    `${prefixes.nodes}default/x`,
    JSON.stringify(node("x", { IPv4AllocCIDR: "0.0.0.0/0" })),
    /wider than \/8/,
  ],
  [
    "a megabyte of labels",
    `${prefixes.nodes}default/x`,
    JSON.stringify(node("x", { Labels: { a: "y".repeat(1 << 20) } })),
    /too large/,
  ],
  [
    "an address of a local pod",
    `${prefixes.ip}10.1.1.5`,
    JSON.stringify({ ...address, IP: "10.1.1.5" }),
    /overlaps this node's pod CIDR/,
  ],
  [
    "a free address of this node's pods",
    `${prefixes.ip}10.1.1.77`,
    JSON.stringify({ ...address, IP: "10.1.1.77" }),
    /overlaps this node's pod CIDR/,
  ],
  [
    "this node's address",
    `${prefixes.ip}172.31.240.1`,
    JSON.stringify({ ...address, IP: "172.31.240.1" }),
    /covers this node's address/,
  ],
  [
    "a prefix around this node",
    `${prefixes.ip}172.31.0.0/16`,
    '{"IP":"172.31.0.0","Mask":"//8AAA==","ID":300,"HostIP":"172.31.240.2"}',
    /covers this node's address/,
  ],
  [
    "everything",
    `${prefixes.ip}0.0.0.0/0`,
    '{"IP":"0.0.0.0","Mask":"AAAAAA==","ID":300,"HostIP":"172.31.240.2"}',
    /wider than \/8/,
  ],
  [
    "another node's address",
    `${prefixes.ip}172.31.240.9`,
    '{"IP":"172.31.240.9","ID":300,"HostIP":"172.31.240.2"}',
    /is an address of node "default\/node9"/,
  ],
  [
    "the identity of the world",
    `${prefixes.ip}10.1.2.5`,
    JSON.stringify({ ...address, ID: Identity.world }),
    /reserved/,
  ],
  ["an identity too large", `${prefixes.ip}10.1.2.5`, JSON.stringify({ ...address, ID: 2 ** 53 }), /ID: /],
  ["an identity as text", `${prefixes.ip}10.1.2.5`, JSON.stringify({ ...address, ID: "300" }), /ID: /],
  ["a mask of five bytes", `${prefixes.ip}10.1.2.5`, JSON.stringify({ ...address, Mask: "//////8=" }), /IP: /],
  ["NUL", `${prefixes.ip}10.1.2.5`, '{"IP":"10.1.2.5\\u0000","ID":300}', /IP: not an address/],
  ["reserved labels", `${prefixes.id}400`, "reserved:host=;", /reserved labels/],
  ["reserved labels among others", `${prefixes.id}400`, "k8s:app=web;reserved:kube-apiserver=;", /reserved labels/],
  ["a reserved number", `${prefixes.id}1`, "k8s:app=web;", /outside of/],
  ["a number too large", `${prefixes.id}4294967297`, "k8s:app=web;", /outside of/],
  ["a megabyte of identity labels", `${prefixes.id}400`, `k8s:a=${"x".repeat(1 << 20)};`, /too large/],
  ["labels with NUL", `${prefixes.id}400`, "k8s:a=\u0000;", /bad character/],
];

test("threats: what others write about this node, its pods or everything is skipped, counted and named", async (t) => {
  await using agent = await startAgent();
  const { attacker, nodes, ipcache, identities, metrics } = agent;
  const ninth = node("node9", {
    IPAddresses: [{ Type: "InternalIP", IP: "172.31.240.9" }],
    IPv4AllocCIDR: null,
    IPv6AllocCIDR: null,
  });
  await attacker.put(`${prefixes.nodes}default/node9`, JSON.stringify(ninth));
  await eventually("node9", () => nodes.table.get("default/node9") !== undefined);
  for (const [what, key, value, reason] of attacks) {
    await t.test(`threats: ${what}`, async () => {
      const before = (await attacker.get(key))?.value;
      await attacker.put(key, value);
      const skipped = () => [...nodes.skipped(), ...ipcache.skipped(), ...identities.skipped()];
      await eventually(what, () => skipped().some((poisoned) => poisoned.key === key));
      assert.match(skipped().find((poisoned) => poisoned.key === key)?.reason ?? "", reason);
      assertLocalTruth(agent);
      if (before === undefined) await attacker.delete(key);
      else await attacker.put(key, before);
      await eventually("the end of the report", () => skipped().length === 0);
    });
  }
  assert.match(await metrics.text(), /cilium_kvstore_skipped_keys_total\{kind="nodes"\} \d\d/);
  await settle(agent, 1);
  assertLocalTruth(agent);
});

test("threats: a flood of poisoned keys is counted in bounded memory", async () => {
  await using agent = await startAgent();
  const random = new Random(1);
  for (let n = 0; n < 5000; n++) {
    await agent.attacker.put(`${prefixes.ip}${n}-${random.int(0, 9)}${"k".repeat(n % 500)}`, "garbage");
  }
  await settle(agent, 2);
  assert.equal(agent.ipcache.skipped().length, 1000);
  assert.equal(agent.ipcache.health().state, "degraded");
  assertLocalTruth(agent);
});
