// SPDX-License-Identifier: Apache-2.0
// What is told of bpf(2): the memory of everything, and how long calls take.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BpfMap } from "./map.ts";
import { BpfMemoryReader } from "./memory.ts";
import { onBpfCall } from "./syscall.ts";
import type { BpfCallListener } from "./timing.ts";

test("the memory of all maps and programs is at least that of what is there", () => {
  const reader = new BpfMemoryReader();
  const bytes = 1024 * 4096;
  using map = BpfMap.create({ type: "array", keySize: 4, valueSize: 4096, maxEntries: 1024, name: "memory-test" });
  assert.ok(map.id > 0);
  assert.ok(reader.read().maps >= bytes);
  // Systemd's, if nobody else's: the second look has them by their ids.
  assert.equal(Number.isSafeInteger(reader.read().programs), true);
});

test("a listener is told of each call until it goes, by Cilium's words", (t) => {
  const calls: Parameters<BpfCallListener>[0][] = [];
  t.after(() => onBpfCall(undefined));
  onBpfCall((call) => calls.push(call));
  using map = BpfMap.create({ type: "hash", keySize: 4, valueSize: 4, maxEntries: 1, name: "timing-test" });
  const key = Uint8Array.of(1, 0, 0, 0);
  map.update(key, key);
  map.lookup(key);
  map.delete(key);
  map.delete(key);
  onBpfCall(undefined);
  map.update(key, key);
  const told = calls.map(({ operation, ok }) => `${operation} ${ok ? "success" : "fail"}`);
  const operations = ["create", "update", "lookup", "delete"];
  assert.deepEqual(
    told.filter((text) => operations.includes(text.split(" ")[0] ?? "")),
    [...operations.map((operation) => `${operation} success`), "delete fail"],
  );
  assert.ok(calls.every(({ seconds }) => seconds >= 0));
});
