// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { StructLayout } from "../../abi/index.ts";
import { record } from "./layout.ts";

const now: StructLayout = { size: 12, members: { port: [0, 2], pad: [2, 2], count: [4, 8] } };

test("record() puts fields where they are now, widens numbers, and leaves new fields zero", () => {
  const convert = record({ size: 6, members: { count: [0, 4], port: [4, 2] } }, now);
  assert.deepEqual(convert(Uint8Array.of(1, 2, 3, 4, 80, 0)), Uint8Array.of(80, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0));
  const without = record({ size: 4, members: { port: [0, 2], gone: [2, 2] } }, now);
  assert.deepEqual(without(Uint8Array.of(80, 0, 9, 9)), Uint8Array.of(80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
});

test("record() gives nothing rather than a number that lost its upper bytes", () => {
  const convert = record({ size: 4, members: { port: [0, 4] } }, now);
  assert.equal(convert(Uint8Array.of(80, 0, 0, 0))?.[0], 80);
  assert.equal(convert(Uint8Array.of(80, 0, 1, 0)), undefined);
});

test("record() takes no padding along", () => {
  const convert = record({ size: 4, members: { pad: [0, 2], port: [2, 2] } }, now);
  assert.deepEqual(convert(Uint8Array.of(7, 7, 80, 0))?.subarray(0, 4), Uint8Array.of(80, 0, 0, 0));
});
