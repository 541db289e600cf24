// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { oneLine } from "./one-line.ts";

test("oneLine() leaves good text, and takes line ends, control characters and length from the rest", () => {
  assert.equal(oneLine('Cannot use "é" (\u{1f600})'), 'Cannot use "é" (\u{1f600})');
  assert.equal(oneLine("a\nb\u001b[2J\u009b\u2028"), "a\\u000ab\\u001b[2J\\u009b\\u2028");
  assert.equal(oneLine("x".repeat(2000)).length, 1001);
  assert.equal(oneLine("\n".repeat(2000)).length < 6002, true);
});
