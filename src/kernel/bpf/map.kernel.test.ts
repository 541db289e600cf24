// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { possibleCpus } from "../cpus.ts";
import { mountBpffs, unmount } from "../mount.ts";
import { randomName } from "../testing.ts";
import { BpfMap, mapIds } from "./map.ts";
import { MapFlag, type MapType } from "./map-type.ts";

function u32(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer);
}

function u64(value: number): Uint8Array {
  return new Uint8Array(new BigUint64Array([BigInt(value)]).buffer);
}

function hash(maxEntries = 100, type: MapType = "hash"): BpfMap {
  return BpfMap.create({ type, keySize: 4, valueSize: 8, maxEntries, name: "test-map" });
}

/** `count` keys (first, first + 1, …) and their doubles as values. */
function rows(count: number, first = 0): { keys: Uint8Array; values: Uint8Array } {
  const keys = Uint32Array.from({ length: count }, (_, i) => first + i);
  const values = BigUint64Array.from(keys, (key) => BigInt(key) * 2n);
  return { keys: new Uint8Array(keys.buffer), values: new Uint8Array(values.buffer) };
}

test("create() tells the kernel's facts of the map", () => {
  using map = hash();
  assert.deepEqual(
    [map.type, map.keySize, map.valueSize, map.valueBytes, map.maxEntries, map.name],
    ["hash", 4, 8, 8, 100, "test-map"],
  );
  assert.ok([...mapIds()].includes(map.id));
  using again = BpfMap.fromId(map.id);
  assert.equal(again.name, "test_map");
});

test("lookup(), update() with its modes, and delete()", () => {
  using map = hash();
  assert.equal(map.lookup(u32(1)), undefined);
  assert.throws(() => map.update(u32(1), u64(5), "exist"), { code: "ENOENT" });
  map.update(u32(1), u64(5), "noexist");
  assert.throws(() => map.update(u32(1), u64(6), "noexist"), { code: "EEXIST", call: "bpf(BPF_MAP_UPDATE_ELEM)" });
  map.update(u32(1), u64(7));
  const value = map.lookup(u32(1));
  map.update(u32(1), u64(8));
  assert.deepEqual(value, u64(7));
  const into = new Uint8Array(8);
  assert.equal(map.lookupInto(u32(1), into), true);
  assert.deepEqual(into, u64(8));
  assert.equal(map.lookupInto(u32(2), into), false);
  assert.equal(map.delete(u32(1)), true);
  assert.equal(map.delete(u32(1)), false);
});

test("wrong sizes are refused before the kernel reads beyond them", () => {
  using map = hash();
  assert.throws(() => map.lookup(new Uint8Array(3)), /Cannot use key of 3 bytes with map "test-map": 4 bytes expected/);
  assert.throws(() => map.update(u32(1), new Uint8Array(7)), /value of 7 bytes/);
  assert.throws(() => map.updateBatch(new Uint8Array(8), new Uint8Array(16), 3), /keys of 8 bytes/);
  assert.throws(() => map.updateBatch(new Uint8Array(12), new Uint8Array(16), 3), /values of 16 bytes/);
  assert.throws(() => map.deleteBatch(new Uint8Array(4), 2), /keys of 4 bytes/);
});

test("a full map says how many entries it holds", () => {
  using map = hash(2);
  map.updateBatch(rows(2).keys, rows(2).values, 2);
  assert.throws(() => map.update(u32(9), u64(9)), { code: "E2BIG", message: /\(holds at most 2 entries\)/ });
  const { keys, values } = rows(3, 1);
  assert.throws(() => map.updateBatch(keys, values, 3), { code: "E2BIG", message: /entry 1 of 3/ });
});

for (const type of ["hash", "lru_hash"] as const) {
  test(`batches and entries() of ${type} hold all rows, also with tiny batches`, () => {
    using map = hash(5000, type);
    const { keys, values } = rows(1000);
    map.updateBatch(keys, values, 1000);
    for (const batchSize of [1, 7, 4096]) {
      const found = new Map(
        [...map.entries({ batchSize })].map(([k, v]) => [
          Buffer.from(k).readUInt32LE(),
          Buffer.from(v).readBigUInt64LE(),
        ]),
      );
      assert.equal(found.size, 1000);
      assert.equal(found.get(999), 1998n);
    }
    assert.equal(map.deleteBatch(rows(20, 990).keys, 20), 10);
    assert.equal([...map.keys()].length, 990);
    assert.equal(map.clear(), 990);
    assert.deepEqual([...map.entries()], []);
  });
}

test("deleteBatch() goes on behind keys that are missing", () => {
  using map = hash();
  for (const key of [2, 5, 6]) map.update(u32(key), u64(1));
  assert.equal(map.deleteBatch(rows(8).keys, 8), 3);
});

test("an LPM trie finds the longest prefix and lists its entries", () => {
  using map = BpfMap.create({ type: "lpm_trie", keySize: 8, valueSize: 4, maxEntries: 10 });
  const key = (bits: number, ...ip: number[]) => Uint8Array.of(bits, 0, 0, 0, ...ip);
  map.update(key(8, 10, 0, 0, 0), u32(1));
  map.update(key(24, 10, 1, 0, 0), u32(2));
  assert.deepEqual(map.lookup(key(32, 10, 1, 0, 9)), u32(2));
  assert.deepEqual(map.lookup(key(32, 10, 2, 0, 9)), u32(1));
  assert.equal(map.lookup(key(32, 11, 0, 0, 1)), undefined);
  assert.deepEqual([...map.entries()].map(([k]) => k[0]).sort(), [24, 8]);
  assert.equal(map.clear(), 2);
});

test("per-CPU values have a slot for each possible CPU", () => {
  using map = BpfMap.create({ type: "percpu_hash", keySize: 4, valueSize: 12, maxEntries: 10 });
  assert.equal(map.valueBytes, 16 * possibleCpus());
  const value = new Uint8Array(map.valueBytes);
  for (let cpu = 0; cpu < possibleCpus(); cpu++) value[cpu * 16] = cpu + 1;
  map.update(u32(1), value);
  assert.deepEqual(map.lookup(u32(1)), value);
  map.updateBatch(u32(2), value, 1);
  assert.deepEqual(
    [...map.entries()].map(([, v]) => v),
    [value, value],
  );
});

test("arrays list every index; frozen maps are not written", () => {
  using map = BpfMap.create({ type: "array", keySize: 4, valueSize: 8, maxEntries: 3 });
  map.update(u32(2), u64(9));
  assert.deepEqual(
    [...map.entries({ batchSize: 2 })].map(([, v]) => v[0]),
    [0, 0, 9],
  );
  map.freeze();
  assert.throws(() => map.update(u32(0), u64(1)), { code: "EPERM" });
});

test("mapMemory() shares the values of an array", () => {
  const flags = MapFlag.BPF_F_MMAPABLE;
  using map = BpfMap.create({ type: "array", keySize: 4, valueSize: 8, maxEntries: 3, flags });
  using memory = map.mapMemory();
  const values = new BigUint64Array(memory.buffer());
  map.update(u32(2), u64(9));
  assert.equal(values[2], 9n);
  values[1] = 5n;
  assert.deepEqual(map.lookup(u32(1)), u64(5));
  using plain = BpfMap.create({ type: "array", keySize: 4, valueSize: 8, maxEntries: 3 });
  assert.throws(() => plain.mapMemory(), { call: "mmap" });
});

test("types without batches are walked key by key", () => {
  using inner = hash();
  using map = BpfMap.create({ type: "array_of_maps", keySize: 4, valueSize: 4, maxEntries: 2, inner });
  map.updateBatch(u32(1), u32(inner.fd.value), 1);
  assert.deepEqual(map.lookup(u32(1)), u32(inner.id));
  assert.deepEqual(
    [...map.entries()].map(([, v]) => v),
    [u32(inner.id)],
  );
  using sockets = BpfMap.create({ type: "sockhash", keySize: 4, valueSize: 8, maxEntries: 2 });
  assert.deepEqual([...sockets.entries()], []);
  assert.equal(sockets.deleteBatch(rows(2).keys, 2), 0);
});

test("pin() and openPinned() reach the same map; a missing pin is ENOENT", () => {
  const root = join(tmpdir(), `kt-${randomName()}`);
  mkdirSync(root);
  mountBpffs(root);
  try {
    using map = hash();
    map.pin(`${root}/m`);
    map.update(u32(1), u64(2));
    using pinned = BpfMap.openPinned(`${root}/m`);
    assert.equal(pinned.id, map.id);
    assert.deepEqual(pinned.lookup(u32(1)), u64(2));
    assert.throws(() => BpfMap.openPinned(`${root}/none`), { code: "ENOENT", message: /pinned map ".*none"/ });
    assert.throws(() => map.pin(`${root}/m`), { code: "EEXIST" });
  } finally {
    unmount(root);
    rmdirSync(root);
  }
});

test("a map is not used after close", () => {
  const map = hash();
  map.close();
  assert.throws(() => map.lookup(u32(1)), { code: "EBADF" });
});

test("memory of keys and values survives garbage collections", () => {
  using map = hash(1000);
  for (let i = 0; i < 1000; i++) {
    map.update(u32(i), u64(i));
    // Something to collect.
    new Array(100).fill({ i });
  }
  for (let i = 0; i < 1000; i++) assert.deepEqual(map.lookup(u32(i)), u64(i));
});
