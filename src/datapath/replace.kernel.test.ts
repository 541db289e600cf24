// SPDX-License-Identifier: Apache-2.0
// Programs and maps are replaced while they are in use: by a new build, by other sizes, after a kill in the middle.
import assert from "node:assert/strict";
import { appendFileSync, cpSync, mkdtempSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import "../kernel/testing.ts";
import { abiLayout, CT_ENTRY_SIZE, CT4_KEY_SIZE, CtFlags, encodeCt4Key } from "../abi/index.ts";
import { eventually } from "../core/testing.ts";
import { BpfLink, BpfMap, BpfProgram, queryTcx } from "../kernel/index.ts";
import { generationsRoot } from "./loader/generation.ts";
import { endpointLinkPin } from "./loader/pins.ts";
import { MapMigrations, settleReplaced } from "./maps/migration.ts";
import { mapNames } from "./maps/names.ts";
import { inPrivateNamespaces } from "./testing.ts";
import { DatapathNode } from "./testing-node.ts";

if (inPrivateNamespaces(import.meta.filename)) tests();

function tests(): void {
  const node = new DatapathNode();
  const { root, globals, config, rtnl } = node;
  let ifindex = 0;

  before(async () => {
    ifindex = rtnl.createVeth({ name: "lxc1", peer: { name: "pod1" } }).ifindex;
    await node.datapath.attachEndpoint({ id: 17, ifindex, hostDevice: "lxc1" });
  });

  const hook = () => queryTcx(ifindex, "ingress");
  const linkId = () => {
    using link = BpfLink.openPinned(endpointLinkPin(root, 17, "cil_from_container"));
    return link.info().id;
  };
  const mapIds = (id: number) => {
    using program = BpfProgram.fromId(id);
    return program.mapIds();
  };
  const settled = () =>
    readdirSync(generationsRoot(root)).length === 1 && readdirSync(globals).every((name) => !name.includes("-"));
  /** The same programs in other files; with `changed`, in bytes that differ. */
  const otherBuild = (changed?: string) => {
    const objectDir = mkdtempSync(join(root, "../objects-"));
    cpSync(config.objectDir, objectDir, { recursive: true });
    if (changed !== undefined) appendFileSync(join(objectDir, changed), "\n");
    return objectDir;
  };
  const key = (port: number) => {
    const bytes = new Uint8Array(CT4_KEY_SIZE);
    encodeCt4Key({ local: 0x0a010005, remote: 0x0a010006, localPort: port, remotePort: 80, protocol: 6 }, bytes);
    return bytes;
  };
  const flow = (flags: number, cookie: number) => {
    const bytes = new Uint8Array(CT_ENTRY_SIZE);
    const view = new DataView(bytes.buffer);
    const offset = (member: string) => abiLayout["ct_entry"]?.members[member]?.[0] ?? Number.NaN;
    view.setUint16(offset("flags"), flags, true);
    view.setUint32(offset("cookie"), cookie, true);
    view.setUint32(offset("expires"), 0xffffffff, true);
    return bytes;
  };

  test("another constant gives every hook new programs, over the same links, with endpoints nobody has named yet", async () => {
    const [link, programs] = [linkId(), hook()];
    const calls = node.withMap(mapNames.calls, (map) => map.id);
    await node.restart({ ctTimeouts: { tcpSyn: 5 } });
    assert.equal(linkId(), link);
    assert.notDeepEqual(hook(), programs);
    assert.ok(!mapIds(hook()[0] ?? 0).includes(calls), "the entry program leads into the earlier programs");
    await eventually("removal of the earlier programs", settled);
    assert.notEqual(
      node.withMap(mapNames.calls, (map) => map.id),
      calls,
    );
    await node.restart();
    await eventually("removal of the earlier programs", settled);
  });

  test("a new build of one object gives every hook new programs", async () => {
    const programs = hook();
    await node.restart({ objectDir: otherBuild("entry.o") });
    assert.notDeepEqual(hook(), programs);
    await node.restart();
    assert.notDeepEqual(hook(), programs);
    await eventually("removal of the earlier programs", settled);
  });

  test("threats: tail calls are never changed in steps: a map that a program leads into is complete and stays", async () => {
    const id = node.withMap(mapNames.calls, (map) => map.id);
    const slots = () => {
      using calls = BpfMap.fromId(id);
      return [0, 1].map((slot) => calls.lookup(new Uint8Array([slot, 0, 0, 0]))?.join());
    };
    const before = slots();
    assert.ok(before.every((program) => program !== undefined));
    await node.restart({ ctTimeouts: { tcpSyn: 6 } });
    assert.deepEqual(slots(), before);
    assert.ok(!mapIds(hook()[0] ?? 0).includes(id), "nothing leads into it any more");
    await eventually("removal of the earlier programs", settled);
    assert.notEqual(
      node.withMap(mapNames.calls, (map) => map.id),
      id,
    );
    await node.restart();
    await eventually("removal of the earlier programs", settled);
  });

  test("a killed switch is finished by the next start: links of two generations end as one", async () => {
    const [programs, generation] = [hook(), readdirSync(generationsRoot(root))];
    // As after a kill between loading and attaching: the datapath stops before its second beat, the link goes back.
    using old = BpfProgram.fromId(programs[0] ?? 0);
    await node.restart({ ctTimeouts: { tcpSyn: 7 } });
    await node.datapath.stop();
    using link = BpfLink.openPinned(endpointLinkPin(root, 17, "cil_from_container"));
    link.update(old);
    assert.equal(readdirSync(generationsRoot(root)).length, 2);
    await node.start({ ctTimeouts: { tcpSyn: 7 } });
    assert.notDeepEqual(hook(), programs);
    await eventually("removal of the earlier programs", settled);
    assert.notDeepEqual(readdirSync(generationsRoot(root)), generation);
    await node.restart();
    await eventually("removal of the earlier programs", settled);
  });

  test("the same objects elsewhere change nothing; a pin that is gone brings new programs", async () => {
    const programs = hook();
    await node.restart({ objectDir: otherBuild() });
    assert.deepEqual(hook(), programs);
    await node.datapath.stop();
    renameSync(join(globals, mapNames.nodes), join(globals, "moved"));
    await node.start();
    assert.notDeepEqual(hook(), programs);
    await eventually("removal of the earlier programs", () => readdirSync(generationsRoot(root)).length === 1);
    renameSync(join(globals, "moved"), join(globals, mapNames.nodes));
    await node.restart();
    await eventually("removal of the earlier programs", settled);
  });

  test("other sizes of all maps: entries come along, the programs use what is pinned", async () => {
    const ipcache = [1, 2].map((n) => ({
      prefix: `10.9.0.${n}/32`,
      identity: 4711,
      encryptKey: 0,
      skipTunnel: false,
      remoteCluster: false,
    }));
    node.datapath.maps.ipcache.upsertMany([
      ...ipcache,
      { ...ipcache[0], prefix: "10.8.0.0/16" } as (typeof ipcache)[0],
    ]);
    node.withMap(mapNames.ct4Tcp, (map) => map.update(key(1), flow(0, 1)));
    const rows = node.datapath.maps.ipcache
      .list()
      .map(({ prefix }) => prefix)
      .sort();
    assert.equal(rows.length, 3);
    for (const factor of [2, 1]) {
      const sizes = {
        ctTcpMax: config.ctTcpMax * factor,
        ctAnyMax: config.ctAnyMax * factor,
        policyMapMax: config.policyMapMax * factor,
        ipcacheMax: config.ipcacheMax * factor,
      };
      await node.restart(sizes);
      assert.equal(
        node.withMap(mapNames.ct4Tcp, (map) => map.maxEntries),
        sizes.ctTcpMax,
      );
      assert.equal(
        node.withMap(mapNames.ct6Any, (map) => map.maxEntries),
        sizes.ctAnyMax,
      );
      assert.equal(
        node.withMap(mapNames.policyPorts, (map) => map.maxEntries),
        sizes.policyMapMax,
      );
      assert.equal(
        node.withMap(mapNames.ipcache, (map) => map.maxEntries),
        sizes.ipcacheMax,
      );
      assert.deepEqual(
        node.datapath.maps.ipcache
          .list()
          .map(({ prefix }) => prefix)
          .sort(),
        rows,
      );
      assert.deepEqual(
        node.withMap(mapNames.ct4Tcp, (map) => map.lookup(key(1))),
        flow(0, 1),
      );
      assert.ok(
        node.datapath.status().every((row) => row.state === "done"),
        JSON.stringify(node.datapath.status()),
      );
      await eventually("removal of the earlier maps", settled);
    }
    node.withMap(mapNames.ct4Tcp, (map) => map.clear());
  });

  test("a size that is too small for what a map holds: the map keeps its size, and the status says so", async () => {
    for (const port of Array(200).keys()) node.withMap(mapNames.ct4Tcp, (map) => map.update(key(port + 1), flow(0, 1)));
    await node.restart({ ctTcpMax: 128 });
    const row = node.datapath.status().find(({ kind }) => kind === "map");
    assert.deepEqual([row?.name, row?.state], [mapNames.ct4Tcp, "error"]);
    assert.equal(row?.error, "keeps 8192 entries instead of 128: it holds 200");
    assert.equal(
      node.withMap(mapNames.ct6Tcp, (map) => map.maxEntries),
      128,
    );
    assert.equal(
      node.withMap(mapNames.ct4Tcp, (map) => [...map.keys()].length),
      200,
    );
    node.withMap(mapNames.ct4Tcp, (map) => map.clear());
    await node.restart({ ctTcpMax: 128 });
    assert.equal(
      node.withMap(mapNames.ct4Tcp, (map) => map.maxEntries),
      128,
    );
    assert.ok(node.datapath.status().every((row) => row.state === "done"));
    await node.restart();
    await eventually("removal of the earlier maps", settled);
  });

  test("flows that the earlier programs wrote after the copy come along; what the new ones wrote stays", () => {
    using old = BpfMap.openPinned(join(globals, mapNames.ct4Tcp));
    old.update(key(1), flow(0, 1));
    {
      using migrations = new MapMigrations(globals);
      const { type, keySize, valueSize, flags } = old;
      assert.deepEqual(migrations.choose(mapNames.ct4Tcp, old, { keySize, valueSize, maxEntries: 4096 }), {
        make: 4096,
      });
      using made = BpfMap.create({ type, keySize, valueSize, flags, maxEntries: 4096 });
      migrations.fill((name) => (name === mapNames.ct4Tcp ? made : undefined));
      migrations.commit();
    }
    using fresh = BpfMap.openPinned(join(globals, mapNames.ct4Tcp));
    fresh.update(key(1), flow(0, 100));
    old.update(key(2), flow(0, 2));
    old.update(key(3), flow(0, 3));
    fresh.update(key(3), flow(CtFlags.CT_F_DENIED, 0));
    assert.equal(settleReplaced(globals, { end: true }), 1);
    assert.deepEqual(
      [1, 2, 3].map((port) => fresh.lookup(key(port))),
      [flow(0, 100), flow(0, 2), flow(0, 3)],
    );
    assert.equal(settleReplaced(globals, { end: true }), 0);
  });
}
