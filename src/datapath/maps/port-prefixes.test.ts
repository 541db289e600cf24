// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { portRangeOfPrefix, portRangeToPrefixes } from "./port-prefixes.ts";

test("portRangeToPrefixes() gives one prefix for aligned ranges", () => {
  assert.deepEqual(portRangeToPrefixes(0, 65535), [{ port: 0, length: 0 }]);
  assert.deepEqual(portRangeToPrefixes(80, 80), [{ port: 80, length: 16 }]);
  assert.deepEqual(portRangeToPrefixes(8000, 8007), [{ port: 8000, length: 13 }]);
  assert.deepEqual(portRangeToPrefixes(0, 0), [{ port: 0, length: 16 }]);
});

test("portRangeToPrefixes() needs 30 for the worst range", () => {
  assert.equal(portRangeToPrefixes(1, 65534).length, 30);
});

test("portRangeToPrefixes() covers exactly the range, without overlap", () => {
  for (const [start, end] of [
    [1, 65535],
    [1024, 65535],
    [79, 8081],
    [30000, 32767],
    [65535, 65535],
  ] as const) {
    let next = start;
    for (const prefix of portRangeToPrefixes(start, end)) {
      const range = portRangeOfPrefix(prefix);
      assert.equal(range.start, next);
      next = range.end + 1;
    }
    assert.equal(next, end + 1);
  }
});

test("portRangeToPrefixes() refuses what is no range", () => {
  for (const [start, end] of [
    [2, 1],
    [-1, 5],
    [0, 65536],
    [1.5, 3],
  ] as const) {
    assert.throws(() => portRangeToPrefixes(start, end), { message: /^Cannot use port range/ });
  }
});
