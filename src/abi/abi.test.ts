// SPDX-License-Identifier: Apache-2.0
// Codecs, and the comparison of an object's BTF with them.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbiMismatchError,
  abiLayout,
  checkAbi,
  decodeCtEntry,
  decodeDropEvent,
  encodeCtEntry,
  encodeDropEvent,
  encodeEndpointKey,
  encodeIpcacheKey,
  encodePolicyPortKey,
  parseBtf,
} from "./index.ts";

test("encodePolicyPortKey() writes little-endian numbers and a big-endian port", () => {
  const bytes = encodePolicyPortKey({ ports: 0x01020304, protocol: 6, prefixBits: 24, dport: 80 });
  assert.equal(Buffer.from(bytes).toString("hex"), "0403020106180050");
});

test("encodeX() zeroes padding and short addresses when it writes into a used buffer", () => {
  const into = new Uint8Array(40).fill(0xff);
  encodeEndpointKey({ address: new Uint8Array([10, 0, 0, 1]), family: 1, clusterId: 0 }, into, 8);
  assert.equal(Buffer.from(into.subarray(8, 28)).toString("hex"), `0a000001${"00".repeat(12)}01000000`);
  assert.deepEqual([into[7], into[28]], [0xff, 0xff]);
});

test("encodeX() refuses a byte array that is too long", () => {
  const key = { prefixlen: 64, clusterId: 0, family: 1, address: new Uint8Array(17) };
  assert.throws(() => encodeIpcacheKey(key), RangeError);
});

test("decodeX() gives back what encodeX() was given, nested header included", () => {
  const header = { type: 1, subtype: 133, source: 7, hash: 8, lenOrig: 90, lenCap: 80, version: 3, extVersion: 0 };
  const row = {
    header,
    sourceIdentity: 1,
    destinationIdentity: 2,
    destinationEndpoint: 3,
    line: 4,
    file: 5,
    extError: -1,
  };
  const event = { ...row, ifindex: 6, flags: 1, direction: 2, ipTraceId: 2n ** 63n, cookie: 9, policySet: 10 };
  assert.deepEqual(decodeDropEvent(encodeDropEvent(event, new Uint8Array(100), 4), 4), event);
  const entry = decodeCtEntry(new Uint8Array(96).fill(1));
  assert.deepEqual(decodeCtEntry(encodeCtEntry(entry)), entry);
});

test("decodeX() throws on short input", () => {
  assert.throws(() => decodeCtEntry(new Uint8Array(95)), RangeError);
  assert.equal(encodePolicyPortKey({ ports: 1, protocol: 0, prefixBits: 0, dport: 0 }).length, 8);
});

/** BTF with one struct `metrics_value` of two __u64. */
function metricsBtf(secondOffset: number, secondName = "bytes"): Uint8Array {
  const strings = Buffer.from(`\0metrics_value\0packets\0${secondName}\0u64\0`);
  const at = (name: string) => strings.indexOf(`\0${name}\0`) + 1;
  const words = [at("u64"), 1 << 24, 8, 64, at("metrics_value"), (4 << 24) | 2, 16];
  words.push(at("packets"), 1, 0, at(secondName), 1, secondOffset * 8);
  const header = Buffer.alloc(24);
  header.writeUInt16LE(0xeb9f, 0);
  const lengths = [24, 0, words.length * 4, words.length * 4, strings.length];
  for (const [index, word] of lengths.entries()) header.writeUInt32LE(word, 4 + index * 4);
  const types = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) types.writeUInt32LE(word, index * 4);
  return Buffer.concat([header, types, strings]);
}

test("checkAbi() accepts a struct with the generated layout", () => {
  assert.deepEqual(checkAbi(metricsBtf(8)), ["metrics_value"]);
  assert.equal(abiLayout.metrics_value?.size, 16);
});

test("checkAbi() names the field that moved, is missing or is new", () => {
  assert.throws(
    () => checkAbi(metricsBtf(4)),
    (error) => error instanceof AbiMismatchError && /"bytes" at 4 with 8 bytes, expected 8/.test(error.message),
  );
  assert.throws(() => checkAbi(metricsBtf(8, "octets")), /has no field "bytes"/);
});

test("parseBtf() refuses other bytes", () => {
  assert.throws(() => parseBtf(new Uint8Array(24)), /bad magic/);
});
