// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { Attributes, fixedPart, MessageBuilder, parseMessages } from "./codec.ts";
import { drain } from "./monitor.ts";

function example(): Buffer {
  return new MessageBuilder(20, 5)
    .header(8, (header) => header.writeUInt32LE(7, 4))
    .u8(1, 200)
    .string(3, "eth0")
    .nested(18, (info) => info.string(1, "veth").nested(2, (data) => data.u32(1, 0xfffffff1).u16be(15, 8472)))
    .finish(99);
}

test("what MessageBuilder builds, parseMessages() and Attributes read", () => {
  const bytes = example();
  const [message, ...more] = parseMessages(Buffer.concat([bytes, bytes]));
  assert.equal(more.length, 1);
  assert.ok(message !== undefined);
  assert.deepEqual([message.type, message.flags, message.sequence], [20, 5, 99]);
  assert.equal(fixedPart(message, 8).readUInt32LE(4), 7);
  const attributes = new Attributes(message.body, 8);
  assert.equal(attributes.u8(1), 200);
  assert.equal(attributes.u32(1), undefined);
  assert.equal(attributes.string(3), "eth0");
  const info = attributes.nested(18);
  assert.equal(info?.string(1), "veth");
  assert.equal(info?.nested(2)?.u32(1), 0xfffffff1);
  assert.equal(info?.nested(2)?.u16be(15), 8472);
  assert.equal(attributes.u16be(1), undefined);
});

test("a message outgrows the builder's first buffer", () => {
  const message = new MessageBuilder(1, 0).bytes(1, new Uint8Array(5000).fill(7)).u8(2, 9).finish(1);
  const [parsed] = parseMessages(message);
  assert.equal(parsed && new Attributes(parsed.body).bytes(1)?.length, 5000);
  assert.equal(parsed && new Attributes(parsed.body).u8(2), 9);
});

test("lengths that lie are refused", () => {
  const short = example();
  short.writeUInt32LE(4000, 0);
  assert.throws(() => [...parseMessages(short)], /length 4000 of/);
  short.writeUInt32LE(3, 0);
  assert.throws(() => [...parseMessages(short)], /length 3 of/);
  assert.throws(() => new Attributes(Buffer.from([9, 0, 1, 0, 5])), /Cannot parse netlink attribute: length 9 of 5/);
  assert.throws(() => new Attributes(Buffer.from([2, 0, 1, 0])), /length 2 of 4/);
  const [message] = parseMessages(example());
  assert.ok(message !== undefined);
  assert.throws(() => fixedPart(message, 400), /type 20: \d+ of 400 bytes/);
});

test("every way to cut a message short is refused or gives less, never more", () => {
  const bytes = example();
  for (let length = 0; length < bytes.length; length++) {
    const cut = bytes.subarray(0, length);
    if (length < 16) assert.deepEqual([...parseMessages(cut)], []);
    else assert.throws(() => [...parseMessages(cut)], /Cannot parse netlink message/);
  }
});

test("drain() turns ENOBUFS into a resync and goes on until EAGAIN", () => {
  const results = [-105, -11];
  assert.deepEqual(
    drain(() => results.shift() ?? -11, Buffer.alloc(64)),
    [{ kind: "resync" }],
  );
  assert.throws(() => drain(() => -5, Buffer.alloc(64)), { code: "EIO" });
});
