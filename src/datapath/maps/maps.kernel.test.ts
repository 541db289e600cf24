// SPDX-License-Identifier: Apache-2.0
// Map wrappers over real pinned maps of the real objects.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CT_ENTRY_SIZE, CT4_KEY_SIZE, encodeCt4Key, encodeCtEntry, encodeUnderlay4Way } from "../../abi/index.ts";
import { type BpfMap, ktimeNs, Rtnetlink } from "../../kernel/index.ts";
import { hookWays } from "../loader/device-hooks.ts";
import { NodePrograms } from "../loader/programs.ts";
import { inPrivateNamespaces, privateBpffs, testConfig } from "../testing.ts";
import { mapNames, mapPinRoot } from "./names.ts";
import { openPinnedMaps, PinnedMaps } from "./open.ts";
import type { EndpointConfigRow, IpcacheMapRow, OpenedMaps, PolicyMapEntry } from "./types.ts";

if (inPrivateNamespaces(import.meta.filename)) tests();

function tests(): void {
  const root = privateBpffs();
  const config = testConfig(root);
  let maps: PinnedMaps;

  before(() => {
    using rtnl = new Rtnetlink();
    const hooks = hookWays(
      root,
      () => rtnl,
      () => "tcx",
    );
    using programs = new NodePrograms(config, hooks);
    programs.load({ tunnelIfindex: 1 });
    programs.commit();
    maps = new PinnedMaps(mapPinRoot(root));
  });
  after(() => maps[Symbol.dispose]());

  /** How many conntrack entries there were. */
  const flushed = () => maps.conntrack.flush().reduce((sum, { deleted }) => sum + deleted, 0);
  /** What another process sees. */
  const reopened = <T>(read: (maps: OpenedMaps) => T): T => {
    using other = openPinnedMaps(root);
    return read(other);
  };

  test("lxc holds endpoints and the host by address", () => {
    const rows = [
      { address: "10.1.0.5", endpointId: 12, host: false },
      { address: "fd00:10:1::5", endpointId: 12, host: false },
      { address: "192.0.2.1", endpointId: 0, host: true },
    ];
    maps.lxc.upsertMany(rows);
    const byAddress = (a: { address: string }, b: { address: string }) => (a.address < b.address ? -1 : 1);
    assert.deepEqual(reopened((other) => other.lxc.list()).sort(byAddress), [...rows].sort(byAddress));
    assert.equal(maps.lxc.deleteMany([{ address: "10.1.0.5" }, { address: "10.1.0.6" }]), 1);
    assert.equal(maps.lxc.list().length, 2);
  });

  test("endpoints is an array: deleting clears the slot", () => {
    const row: EndpointConfigRow = {
      id: 12,
      mac: "02:00:00:00:00:01",
      nodeMac: "02:00:00:00:00:02",
      ifindex: 7,
      ipv4: "10.1.0.5",
      ipv6: "fd00:10:1::5",
      identity: 4711,
      ingressSet: 3,
      egressSet: 4,
      policyRevision: 9,
      enforceIngress: true,
      enforceEgress: false,
      audit: false,
      ready: true,
    };
    const rare = { id: 65535, audit: true, ipv4: "255.255.255.254", changing: true as const };
    const { ipv6: _, ...ipv4Only } = { ...row, ...rare };
    maps.endpoints.upsertMany([row, ipv4Only]);
    assert.deepEqual(
      reopened((other) => other.endpoints.list()),
      [row, ipv4Only],
    );
    assert.deepEqual(maps.endpoints.get(12), row);
    maps.endpoints.markChanging([12, 13]);
    assert.deepEqual(maps.endpoints.get(12), { ...row, changing: true });
    assert.equal(maps.endpoints.get(13), undefined);
    assert.equal(maps.endpoints.deleteMany([{ id: 12 }, { id: 13 }]), 1);
    assert.equal(maps.endpoints.get(12), undefined);
    assert.equal(maps.endpoints.list().length, 1);
    assert.throws(() => maps.endpoints.upsertMany([{ ...row, id: 65536 }]), { message: /endpoint id "65536"/ });
    assert.throws(() => maps.endpoints.upsertMany([{ ...row, id: 0 }]), { message: /endpoint id "0"/ });
  });

  test("ipcache puts whole addresses into the hash and prefixes into the trie, and lists both", () => {
    const base = { identity: 4711, encryptKey: 0, skipTunnel: false, remoteCluster: false };
    const rows: IpcacheMapRow[] = [
      { ...base, prefix: "10.2.0.5/32", tunnelEndpoint: "192.0.2.2" },
      { ...base, prefix: "fd00:10:2::5/128", tunnelEndpoint: "fd00:31::2", encryptKey: 3 },
      { ...base, prefix: "10.0.0.0/8", identity: 16777217, skipTunnel: true },
      { ...base, prefix: "10.2.0.0/16", identity: 16777218 },
      { ...base, prefix: "0.0.0.0/0", identity: 2, remoteCluster: true },
      { ...base, prefix: "fd00::/16", identity: 16777219, clusterId: 3 },
    ];
    maps.ipcache.upsertMany(rows);
    assert.deepEqual([...maps.raw(mapNames.ipcacheExact).keys()].length, 2);
    const byPrefix = (a: IpcacheMapRow, b: IpcacheMapRow) => (a.prefix < b.prefix ? -1 : 1);
    assert.deepEqual(reopened((other) => other.ipcache.list()).sort(byPrefix), [...rows].sort(byPrefix));
    assert.equal(maps.ipcache.get({ prefix: "10.2.0.5/32" })?.tunnelEndpoint, "192.0.2.2");
    const usage = maps.ipcache.usage(rows.map(({ prefix }) => prefix));
    assert.deepEqual(
      usage.map(({ map, entries }) => [map, entries]),
      [
        [mapNames.ipcacheExact, 2],
        [mapNames.ipcache, rows.length - 2],
      ],
    );
    assert.equal(maps.ipcache.get({ prefix: "10.2.0.0/24" }), undefined);
    assert.equal(maps.ipcache.lookup("10.2.0.5")?.prefix, "10.2.0.5/32");
    assert.equal(maps.ipcache.lookup("10.2.0.6")?.prefix, "10.2.0.0/16");
    assert.equal(maps.ipcache.lookup("10.3.0.6")?.prefix, "10.0.0.0/8");
    assert.equal(maps.ipcache.lookup("192.0.2.9")?.prefix, "0.0.0.0/0");
    assert.equal(maps.ipcache.lookup("fd00::1"), undefined);
    const gone = [{ prefix: "10.2.0.5/32" }, { prefix: "10.0.0.0/8" }, { prefix: "10.99.0.0/16" }];
    assert.equal(maps.ipcache.deleteMany(gone), 2);
    assert.equal(maps.ipcache.lookup("10.2.0.5")?.prefix, "10.2.0.0/16");
  });

  test("nodes holds underlay addresses", () => {
    const rows = [
      { address: "192.0.2.2", nodeId: 2, spi: 0 },
      { address: "fd00:31::2", nodeId: 2, spi: 1 },
    ];
    maps.nodes.upsertMany(rows);
    assert.deepEqual(new Set(reopened((other) => other.nodes.list())), new Set(rows));
    assert.equal(maps.nodes.deleteMany(rows), 2);
  });

  test("policy sets are read by others as they were written", () => {
    const row: PolicyMapEntry = {
      ...{ identity: 4711, direction: "egress", protocol: 6, port: 80, portPrefix: 16 },
      ...{ verdict: "allow", cookie: 1, proxyPort: 0, authType: 0 },
    };
    maps.policy.writeSet(1, [row]);
    assert.deepEqual(
      reopened((other) => other.policy.list(1)),
      [{ ...row, set: 1 }],
    );
    // A writer that finds sets of an earlier run.
    assert.equal(
      reopened((other) => other.policy.deleteSet(1)),
      1,
    );
  });

  test("runtimeConfig keeps the ipcache revision and the monitor's settings", () => {
    const { runtimeConfig } = maps;
    const before = runtimeConfig.get().ipcacheRevision;
    assert.equal(runtimeConfig.bumpIpcacheRevision(), before + 1n);
    runtimeConfig.setMonitorAggregation("maximum");
    runtimeConfig.setMonitorInterval(7);
    runtimeConfig.setEvents({ drop: true, trace: false, policyVerdict: true });
    const seen = reopened((other) => other.runtimeConfig.get());
    assert.deepEqual(
      [seen.ipcacheRevision, seen.monitorAggregation, seen.monitorInterval, seen.monitorEvents.trace],
      [before + 1n, "maximum", 7, false],
    );
  });

  test("underlay tells to which nodes any CPU has sent something since", () => {
    const map = maps.raw(mapNames.underlay4);
    const ways = [
      { node: 0xc0000201, second: 90 },
      { node: 0xc0000202, second: 100 },
    ].map((way) => encodeUnderlay4Way({ ifindex: 1, source: 0, nextHop: 0, mtu: 1500, ...way }));
    const key = (slot: number) => new Uint8Array(new Uint32Array([slot]).buffer);
    for (const [slot, way] of ways.entries()) {
      const value = new Uint8Array(map.valueBytes);
      // The last CPU's.
      value.set(way, value.length - way.length);
      map.update(key(slot), value);
    }
    assert.deepEqual([...maps.underlay.sentToSince(89)].sort(), ["192.0.2.1", "192.0.2.2"]);
    assert.deepEqual([...maps.underlay.sentToSince(90)], ["192.0.2.2"]);
    assert.deepEqual([...maps.underlay.sentToSince(100)], []);
  });

  const nowSeconds = () => Number(ktimeNs() / 1_000_000_000n);

  /** Flows from 10.1.0.5, numbered by the remote port. */
  function fillConntrack(map: BpfMap, from: number, count: number, expires: number): void {
    const keys = new Uint8Array(count * CT4_KEY_SIZE);
    const values = new Uint8Array(count * CT_ENTRY_SIZE);
    const value = ctEntry(expires);
    for (let i = 0; i < count; i++) {
      const key = { local: 0x0a010005, remote: 0x0a020005, localPort: 4444, remotePort: from + i, protocol: 6 };
      encodeCt4Key(key, keys, i * CT4_KEY_SIZE);
      encodeCtEntry(value, values, i * CT_ENTRY_SIZE);
    }
    map.updateBatch(keys, values, count);
  }

  test("conntrack rows say all that an entry holds", () => {
    fillConntrack(maps.raw(mapNames.ct4Tcp), 80, 1, 99);
    const [row, ...others] = reopened((other) => other.conntrack.list(4));
    assert.deepEqual(others, []);
    assert.deepEqual(row, {
      family: 4,
      table: "tcp",
      protocol: 6,
      local: "10.1.0.5",
      localPort: 4444,
      remote: "10.2.0.5",
      remotePort: 80,
      direction: "ingress",
      txPackets: 1n,
      txBytes: 2n,
      rxPackets: 3n,
      rxBytes: 4n,
      expires: 99,
      lastTxReport: 5,
      lastRxReport: 6,
      peerIdentity: 4711,
      policyRevision: 7,
      ipcacheRevision: 8,
      cookie: 9,
      flags: 1 | 16 | 0x4000,
      flagNames: ["SeenNonSyn", "Unknown=0x4000"],
      revNatIndex: 10,
      txFlagsSeen: 0x12,
      rxFlagsSeen: 0x10,
      route: "tunnel",
      peerEndpoint: 11,
      tunnelEndpoint: "192.0.2.2",
      proxyPort: 12,
      backendId: 13,
      natPort: 0,
    });
    assert.deepEqual(maps.conntrack.list(6), []);
    assert.equal(flushed(), 1);
  });

  test("sweepExpired() frees what has expired, in turns, and nothing else", async () => {
    const map = maps.raw(mapNames.ct4Tcp);
    fillConntrack(map, 1000, 3000, nowSeconds() - 10);
    fillConntrack(map, 10_000, 3000, nowSeconds() + 100);
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const swept = await maps.conntrack.sweepExpired();
    clearInterval(timer);
    assert.deepEqual([swept.scanned, swept.deleted], [6000, 3000]);
    assert.ok(turns > 0, "the event loop had no turn");
    const usage = maps.conntrack.usage().find(({ map: name }) => name === map.name);
    assert.deepEqual([usage?.entries, usage?.capacity], [3000, map.maxEntries]);
    const left = maps.conntrack.list();
    assert.deepEqual([left.length, left.every((row) => row.remotePort >= 10_000)], [3000, true]);
    assert.equal(
      maps.conntrack.deleteWhere((row) => row.remotePort < 10_010),
      10,
    );
    assert.equal(flushed(), 2990);
  });

  test("sweepExpired() ends when it is told to", async () => {
    const map = maps.raw(mapNames.ct4Tcp);
    fillConntrack(map, 1000, 6000, 1);
    const swept = await maps.conntrack.sweepExpired(AbortSignal.abort());
    assert.ok(swept.scanned < 6000 && swept.deleted === swept.scanned, JSON.stringify(swept));
    maps.conntrack.flush();
  });

  test("openPinnedMaps() without an agent says what is missing", () => {
    using nothing = openPinnedMaps("/nowhere");
    assert.throws(() => nothing.ipcache.list(), {
      message: /^Cannot open map "cilium_ipcache_exact": nothing at \/nowhere\/tc\/globals/,
    });
  });
}

function ctEntry(expires: number): Parameters<typeof encodeCtEntry>[0] {
  const tunnelEndpoint = new Uint8Array(16);
  tunnelEndpoint.set([192, 0, 2, 2]);
  return {
    txPackets: 1n,
    txBytes: 2n,
    rxPackets: 3n,
    rxBytes: 4n,
    expires,
    peerIdentity: 4711,
    policyRevision: 7,
    ipcacheRevision: 8,
    cookie: 9,
    lastTxReport: 5,
    lastRxReport: 6,
    flags: 1 | 16 | 0x4000,
    revNatIndex: 10,
    txFlagsSeen: 0x12,
    rxFlagsSeen: 0x10,
    route: 2,
    tunnelFamily: 1,
    peerEndpoint: 11,
    proxyPort: 12,
    tunnelEndpoint,
    backendId: 13,
    natPort: 0,
  };
}
