// SPDX-License-Identifier: Apache-2.0
// Addresses: strictness, canonical form, and round trips over random values.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";
import { test } from "node:test";
import {
  compareIp,
  FormatError,
  ip16,
  ipFamily,
  ipFrom16,
  ipFromBigInt,
  ipFromBytes,
  ipToBigInt,
  ipToBytes,
  isIp,
  parseIp,
  tryParseIp,
} from "./index.ts";

const canonical: readonly (readonly [string, string])[] = [
  ["10.1.0.5", "10.1.0.5"],
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["FD00:10:1::5", "fd00:10:1::5"],
  ["fd00:0010:0001:0:0:0:0:5", "fd00:10:1::5"],
  ["0:0:0:0:0:0:0:0", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  // RFC 5952: a single zero group is written out, the longest run is shortened, the first of equal runs.
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
  ["::ffff:c000:201", "::ffff:192.0.2.1"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
];

const refused = [
  "",
  " 10.0.0.1",
  "10.0.0.1 ",
  "10.0.0",
  "10.0.0.0.1",
  "010.0.0.1",
  "10.0.0.00",
  "256.0.0.1",
  "1e1.0.0.1",
  "10.0.0.-1",
  "0x0a.0.0.1",
  ":",
  ":::",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9",
  "1:2:3:4:5:6:7::8:9",
  "::1::",
  "12345::",
  "fe80::1%eth0",
  "::10.0.0.1:1",
  "10.0.0.1::",
  ":1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:",
  "::ffff:192.0.2.01",
  "g::",
  "1:2:3:4:5:6:7:1.2.3.4",
];

test("parseIp() gives the canonical form", () => {
  for (const [text, expected] of canonical) assert.equal(parseIp(text), expected, text);
});

test("parseIp() refuses everything else", () => {
  for (const text of refused) {
    assert.throws(() => parseIp(text), FormatError, text);
    assert.equal(tryParseIp(text), undefined, text);
    assert.equal(isIp(text), false, text);
  }
});

test("bytes and strings are each other's reverse for random addresses", () => {
  for (let i = 0; i < 2000; i++) {
    const length = i % 2 === 0 ? 4 : 16;
    const bytes = new Uint8Array(randomBytes(length));
    // Runs of zeros are what the short form is about.
    if (i % 3 === 0) bytes.fill(0, i % length, (i % length) + (i % 9));
    const text = ipFromBytes(bytes);
    assert.equal(length === 4 ? isIPv4(text) : isIPv6(text), true, text);
    assert.deepEqual(ipToBytes(text), bytes, text);
    assert.equal(parseIp(text), text);
    assert.equal(ipFromBigInt(ipToBigInt(text), ipFamily(text)), text);
    assert.equal(ipFrom16(ip16(text), ipFamily(text)), text);
    // URL parsing has a canonicaliser of its own for IPv6; it writes mapped addresses in hex.
    if (length === 16 && !text.startsWith("::ffff:")) assert.equal(new URL(`http://[${text}]/`).hostname, `[${text}]`);
  }
});

test("parseIp() agrees with node:net on mutilated addresses", () => {
  const alphabet = "0123456789abcdef:.g%";
  for (let i = 0; i < 5000; i++) {
    const random = randomBytes(6);
    const base = i % 2 === 0 ? "192.168.10.1" : "fd00:10:1::a5";
    const at = (random[0] ?? 0) % base.length;
    const text =
      base.slice(0, at) + alphabet[(random[1] ?? 0) % alphabet.length] + base.slice(at + ((random[2] ?? 0) % 2));
    assert.equal(isIp(text), (isIPv4(text) || isIPv6(text)) && !text.includes("%"), text);
  }
});

test("ip16() puts IPv4 into the first four bytes", () => {
  assert.deepEqual([...ip16("10.1.2.3")], [10, 1, 2, 3, ...new Array(12).fill(0)]);
});

test("compareIp() orders by family, then number", () => {
  const sorted = ["9.0.0.1", "10.0.0.1", "10.0.0.2", "::1", "fd00::1"];
  assert.deepEqual(sorted.toReversed().sort(compareIp), sorted);
});
