// SPDX-License-Identifier: Apache-2.0
// Ethernet addresses.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FormatError, macFromBytes, macToBytes, parseMac, randomMac } from "./index.ts";

test("parseMac() gives lower case and refuses other forms", () => {
  assert.equal(parseMac("0A:bB:cc:00:01:ff"), "0a:bb:cc:00:01:ff");
  for (const text of [
    "",
    "0a:bb:cc:00:01",
    "0a-bb-cc-00-01-ff",
    "a:b:c:d:e:f",
    "0g:bb:cc:00:01:ff",
    "0a:bb:cc:00:01:ff:00",
  ]) {
    assert.throws(() => parseMac(text), FormatError, text);
  }
});

test("bytes and strings are each other's reverse", () => {
  const mac = "02:00:5e:10:00:ff";
  assert.deepEqual([...macToBytes(mac)], [2, 0, 0x5e, 0x10, 0, 0xff]);
  assert.equal(macFromBytes(macToBytes(mac)), mac);
  assert.throws(() => macFromBytes(new Uint8Array(5)), FormatError);
});

test("randomMac() is unicast and locally administered, whatever the randomness", () => {
  assert.equal(
    randomMac((bytes) => bytes.fill(0xff)),
    "fe:ff:ff:ff:ff:ff",
  );
  assert.equal(
    randomMac((bytes) => bytes.fill(0x01)),
    "02:01:01:01:01:01",
  );
  assert.notEqual(randomMac(), randomMac());
});
