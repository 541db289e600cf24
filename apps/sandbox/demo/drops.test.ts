// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDropOf } from "./drops.ts";

const line = (from: string, to: string): string =>
  `xx drop (Policy denied) flow 0x1 to endpoint 1, ifindex 7, file policy.h:53, , identity 2->3: ${from} -> ${to} tcp SYN`;

test("isDropOf() finds the drop of a packet from one address to port 80 of another, and no other's", () => {
  assert.ok(isDropOf(line("10.1.2.3:51238", "10.1.2.2:80"), "10.1.2.3", "10.1.2.2"));
  assert.ok(isDropOf(line("[fd00::3]:51238", "[fd00::2]:80"), "fd00::3", "fd00::2"));
  assert.ok(!isDropOf(line("10.1.2.3:51238", "10.1.2.2:8080"), "10.1.2.3", "10.1.2.2"));
  assert.ok(!isDropOf(line("10.1.2.30:51238", "10.1.2.2:80"), "10.1.2.3", "10.1.2.2"));
  assert.ok(!isDropOf(line("110.1.2.3:51238", "10.1.2.2:80"), "10.1.2.3", "10.1.2.2"));
  assert.ok(!isDropOf(line("10.1.2.2:80", "10.1.2.3:51238"), "10.1.2.3", "10.1.2.2"));
});
