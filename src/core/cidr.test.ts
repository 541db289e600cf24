// SPDX-License-Identifier: Apache-2.0
// Prefixes: parsing, containment against arithmetic on numbers, enumeration.

import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { test } from "node:test";
import {
  cidrContains,
  cidrNth,
  cidrSize,
  compareCidr,
  FormatError,
  formatCidr,
  hostCidr,
  ipFromBytes,
  ipToBigInt,
  isCidr,
  parseCidr,
} from "./index.ts";

test("parseCidr() clears host bits, or refuses them", () => {
  assert.equal(formatCidr(parseCidr("10.1.2.3/20")), "10.1.0.0/20");
  assert.equal(formatCidr(parseCidr("fd00:1::ffff/33")), "fd00:1::/33");
  assert.equal(formatCidr(parseCidr("0.0.0.0/0")), "0.0.0.0/0");
  assert.equal(formatCidr(parseCidr("10.1.2.3/32", { strict: true })), "10.1.2.3/32");
  assert.throws(() => parseCidr("10.1.2.3/20", { strict: true }), /write 10\.1\.0\.0\/20/);
});

test("parseCidr() refuses what is no prefix", () => {
  for (const text of [
    "",
    "10.0.0.0",
    "10.0.0.0/",
    "10.0.0.0/33",
    "::/129",
    "10.0.0.0/08",
    "10.0.0.0/-1",
    "10.0/8",
    "a/8",
    "10.0.0.0/8/8",
  ]) {
    assert.throws(() => parseCidr(text), FormatError, text);
    assert.equal(isCidr(text), false, text);
  }
});

test("cidrContains() agrees with arithmetic for random prefixes and addresses", () => {
  for (let i = 0; i < 2000; i++) {
    const length = i % 2 === 0 ? 4 : 16;
    const bytes = new Uint8Array(randomBytes(length));
    const bits = randomInt(0, length * 8 + 1);
    const cidr = parseCidr(`${ipFromBytes(bytes)}/${bits}`);
    const flip = randomInt(0, length * 8);
    bytes[flip >> 3] = (bytes[flip >> 3] ?? 0) ^ (0x80 >> (flip & 7));
    const ip = ipFromBytes(bytes);
    const shift = BigInt(length * 8 - bits);
    assert.equal(
      cidrContains(cidr, ip),
      ipToBigInt(ip) >> shift === ipToBigInt(cidr.ip) >> shift,
      `${formatCidr(cidr)} ${ip}`,
    );
    assert.equal(cidrContains(cidr, ip), flip >= bits);
  }
});

test("cidrContains() on prefixes wants the whole of the inner one, and one family", () => {
  assert.equal(cidrContains("10.0.0.0/8", "10.1.0.0/16"), true);
  assert.equal(cidrContains("10.1.0.0/16", "10.0.0.0/8"), false);
  assert.equal(cidrContains("0.0.0.0/0", "::1"), false);
  assert.equal(cidrContains("::/0", "::ffff:10.0.0.1"), true);
});

test("cidrNth() and cidrSize() count", () => {
  const cidr = parseCidr("10.1.0.0/30");
  assert.deepEqual(
    [0, 1, 2, 3].map((n) => cidrNth(cidr, n)),
    ["10.1.0.0", "10.1.0.1", "10.1.0.2", "10.1.0.3"],
  );
  assert.throws(() => cidrNth(cidr, 4), /it has 4/);
  assert.throws(() => cidrNth(cidr, -1), FormatError);
  assert.equal(cidrSize(parseCidr("fd00::/64")), 1n << 64n);
});

test("hostCidr() and compareCidr()", () => {
  assert.equal(hostCidr("10.0.0.1"), "10.0.0.1/32");
  assert.equal(hostCidr("fd00::1"), "fd00::1/128");
  const sorted = ["9.0.0.0/8", "10.0.0.0/8", "10.0.0.0/16", "::/0"].map((text) => parseCidr(text));
  assert.deepEqual(sorted.toReversed().sort(compareCidr), sorted);
});
