// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Labels, parseCidr } from "../../core/index.ts";
import { nameSelector, prefixSelector } from "./address-selector.ts";
import { matchesSelector } from "./match.ts";

test("prefixSelector() has equal text for equal sets, and holds for what lies inside", () => {
  const ten = parseCidr("10.0.0.0/8");
  const [a, b] = [parseCidr("10.1.0.0/16"), parseCidr("10.2.0.0/16")];
  const selector = prefixSelector(ten, [b, a, b]);
  assert.equal(selector.text, prefixSelector(ten, [a, b]).text);
  assert.notEqual(selector.text, prefixSelector(ten, [a]).text);
  assert.equal(matchesSelector(selector, Labels.parse(["cidr:10.3.0.0/16", "reserved:world-ipv4"])), true);
  assert.equal(matchesSelector(selector, Labels.parse(["cidr:10.1.2.0/24", "reserved:world-ipv4"])), false);
});

test("nameSelector() keeps names and patterns apart", () => {
  assert.notEqual(nameSelector({ matchName: "a.b" }).text, nameSelector({ matchPattern: "a.b" }).text);
});
