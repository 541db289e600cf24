// SPDX-License-Identifier: Apache-2.0
// The monitor's gob stream: bytes as Go writes them, streams in pieces, hostile input.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MonitorRecord } from "../types.ts";
import { decodeAgentNotify, encodeAgentNotify } from "./agent-notify.ts";
import { RecordDecoder } from "./decode.ts";
import { encodeRecord, encodeTypeDefinition } from "./encode.ts";
import { GobError } from "./error.ts";
import { GobCursor, gobSigned, gobUnsigned } from "./numbers.ts";

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
const sample: MonitorRecord = { data: Uint8Array.of(1, 133, 0, 255), cpu: 3, lost: 0, type: 9 };

test("gobUnsigned() and gobSigned() write the examples of the format's documentation", () => {
  assert.deepEqual(gobUnsigned(7), [0x07]);
  assert.deepEqual(gobUnsigned(256), [0xfe, 0x01, 0x00]);
  assert.deepEqual(gobSigned(-65), [0xff, 0x81]);
  assert.deepEqual(gobSigned(65), [0xff, 0x82]);
  assert.deepEqual(gobSigned(-129), [0xfe, 0x01, 0x01]);
  for (const value of [0, 1, -1, 127, 128, -128, 65535, -70000, 2 ** 40]) {
    assert.equal(new GobCursor(Uint8Array.from(gobSigned(value))).signed(), value);
  }
});

test("encodeTypeDefinition() declares Payload as id 65 with its four fields", () => {
  const expected = hex(`
    38 ff81 03 01 01 07 5061796c6f6164 01 ff82 00 01 04
    01 04 44617461 01 0a 00
    01 03 435055 01 04 00
    01 04 4c6f7374 01 06 00
    01 04 54797065 01 04 00
    00 00`);
  assert.deepEqual(Buffer.from(encodeTypeDefinition()).toString("hex"), Buffer.from(expected).toString("hex"));
});

test("encodeRecord() leaves zero fields out", () => {
  assert.deepEqual(encodeRecord(sample), hex("0d ff82 01 04 0185 00ff 01 06 02 12 00"));
  assert.deepEqual(
    encodeRecord({ data: new Uint8Array(0), cpu: 0, lost: 300, type: 2 }),
    hex("09 ff82 03 fe012c 01 04 00"),
  );
});

test("RecordDecoder gives back what was encoded, however the stream is cut", () => {
  const big = { data: new Uint8Array(70_000).fill(7), cpu: 0, lost: 0, type: 9 };
  const lost = { data: new Uint8Array(0), cpu: 1, lost: 2 ** 40, type: 2 };
  const stream = Buffer.concat([encodeTypeDefinition(), ...[sample, big, lost].map(encodeRecord)]);
  for (const step of [1, 7, 1000, stream.length]) {
    const decoder = new RecordDecoder();
    const records: MonitorRecord[] = [];
    for (let at = 0; at < stream.length; at += step) {
      records.push(
        ...decoder.push(stream.subarray(at, at + step)).map((r) => ({ ...r, data: Uint8Array.from(r.data) })),
      );
    }
    assert.deepEqual(records, [sample, big, lost]);
  }
});

test("RecordDecoder follows the sender's own type: other id, order and further fields", () => {
  const definition = hex(
    "ff8b 03 01 01 01 50 01 ff8c 00 01 03  01 04 54797065 01 04 00  01 01 58 01 0c 00  01 03 435055 01 04 00 00 00",
  );
  const value = hex("ff8c 01 12 01 02 6869 01 0a 00");
  const stream = Buffer.concat([
    Uint8Array.from(gobUnsigned(definition.length)),
    definition.map((b, i) => (i === 1 ? 0x8b : b)),
    Uint8Array.from(gobUnsigned(value.length)),
    value,
  ]);
  assert.deepEqual(new RecordDecoder().push(stream), [{ data: new Uint8Array(0), cpu: 5, lost: 0, type: 9 }]);
});

test("RecordDecoder refuses hostile streams with GobError", () => {
  const definition = encodeTypeDefinition();
  const after = (bytes: string): Uint8Array => Buffer.concat([definition, hex(bytes)]);
  const cases: Record<string, Uint8Array> = {
    "length of 20 bytes": hex("ec 00"),
    "message of 4 GiB": hex("fc ffffffff"),
    "empty message": hex("00"),
    "value before its type": hex("04 ff82 00 00"),
    "map type": hex("06 ff81 05 00 00 00"),
    "bytes longer than the message": after("05 ff82 01 7f 00"),
    "field that the type does not have": after("05 ff82 09 01 00"),
    "huge field number": after("06 ff82 fe ffff 00"),
    "no end": after("04 ff82 02 06"),
    "bytes behind the end": after("04 ff82 00 00"),
  };
  for (const [name, stream] of Object.entries(cases)) {
    assert.throws(() => new RecordDecoder().push(stream), GobError, name);
  }
});

test("RecordDecoder never throws anything but GobError on noise", () => {
  let seed = 1;
  const random = (): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return (seed >> 8) & 255;
  };
  for (let round = 0; round < 2000; round++) {
    const stream = Buffer.concat([encodeTypeDefinition(), encodeRecord(sample)]);
    for (let i = 0; i < 1 + (round % 4); i++) stream[random() % stream.length] = random();
    try {
      new RecordDecoder().push(stream);
    } catch (error) {
      assert.ok(error instanceof GobError, String(error));
    }
  }
});

test("encodeAgentNotify() writes what Go's encoder does, and decodeAgentNotify() reads it", () => {
  const data = encodeAgentNotify("Policy updated", { rule_count: 1 });
  const expected = hex(`
    82 2b ff81 03 01 01 0b 4167656e744e6f74696679 01 ff82 00 01 02
    01 04 54797065 01 06 00
    01 04 54657874 01 0c 00
    00 00
    17 ff82 01 05 01 10 7b2272756c655f636f756e74223a317d 00`);
  assert.equal(Buffer.from(data).toString("hex"), Buffer.from(expected).toString("hex"));
  assert.deepEqual(decodeAgentNotify(data), { kind: 5, text: '{"rule_count":1}' });
  assert.deepEqual(decodeAgentNotify(encodeAgentNotify("unspecified", "")), { kind: 0, text: '""' });
  for (let length = 1; length < data.length; length++) {
    assert.throws(() => decodeAgentNotify(data.subarray(0, length)), GobError);
  }
});
