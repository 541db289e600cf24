// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { protocolName, protocolNumber } from "./protocols.ts";

test("protocolNumber() takes names in any case and numbers", () => {
  assert.equal(protocolNumber("tcp"), 6);
  assert.equal(protocolNumber("ICMPV6"), 58);
  assert.equal(protocolNumber("any"), 0);
  assert.equal(protocolNumber("255"), 255);
  assert.equal(protocolNumber("256"), undefined);
  assert.equal(protocolNumber("tcpp"), undefined);
});

test("protocolName() gives the number of what has no name", () => {
  assert.equal(protocolName(132), "SCTP");
  assert.equal(protocolName(0), "ANY");
  assert.equal(protocolName(99), "99");
});
