// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomNumbers } from "../../core/testing.ts";
import { protocolName } from "../protocols.ts";
import { anyPort, formatPortPrefix, packCovering, packPort, portRange, portRangeToPrefixes } from "./ports.ts";

const ranges = (first: number, last: number) =>
  portRangeToPrefixes(6, first, last).map(({ port, portPrefix }) => `${port}/${portPrefix}`);

test("portRangeToPrefixes() gives the fewest prefixes", () => {
  assert.deepEqual(ranges(80, 80), ["80/16"]);
  assert.deepEqual(ranges(0, 65535), ["0/0"]);
  assert.deepEqual(ranges(0, 0), ["0/16"]);
  assert.deepEqual(ranges(65535, 65535), ["65535/16"]);
  assert.deepEqual(ranges(8000, 8007), ["8000/13"]);
  assert.deepEqual(ranges(0, 32767), ["0/1"]);
  assert.deepEqual(ranges(80, 90), ["80/13", "88/15", "90/16"]);
  assert.equal(ranges(1, 65535).length, 16);
});

test("prefixes cover exactly their range, without overlap", () => {
  const random = randomNumbers(3);
  for (let round = 0; round < 300; round++) {
    const first = Math.floor(random() * 65536);
    const last = first + Math.floor(random() * (65536 - first));
    let next = first;
    for (const prefix of portRangeToPrefixes(6, first, last)) {
      const range = portRange(prefix);
      assert.equal(range.first, next);
      assert.equal(range.first % (range.last - range.first + 1), 0);
      next = range.last + 1;
    }
    assert.equal(next, last + 1);
  }
});

test("packCovering() names the prefix that holds a port", () => {
  const [prefix] = portRangeToPrefixes(6, 8000, 8007);
  assert.ok(prefix);
  assert.equal(packCovering(6, 8005, 13), packPort(prefix));
  assert.notEqual(packCovering(6, 8008, 13), packPort(prefix));
  assert.notEqual(packCovering(17, 8005, 13), packPort(prefix));
  assert.equal(packCovering(6, 8005, 0), packPort({ protocol: 6, port: 0, portPrefix: 0 }));
  assert.equal(packPort(anyPort), 0);
});

test("formatPortPrefix() is the form of bpf policy get", () => {
  const format = (protocol: number, port: number, portPrefix: number) =>
    formatPortPrefix({ protocol, port, portPrefix }, protocolName);
  assert.equal(format(0, 0, 0), "ANY");
  assert.equal(format(6, 0, 0), "TCP");
  assert.equal(format(6, 80, 16), "80/TCP");
  assert.equal(format(17, 8000, 13), "8000-8007/UDP");
  assert.equal(format(99, 1, 16), "1/99");
});
