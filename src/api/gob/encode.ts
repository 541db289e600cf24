// SPDX-License-Identifier: Apache-2.0
// Encodes monitor records as Go's gob does for struct Payload {Data []byte; CPU int; Lost uint64; Type int}.
import type { MonitorRecord } from "../types.ts";
import { gobSigned, gobUnsigned } from "./numbers.ts";

const typeId = 65;
const builtin = { int: 2, uint: 3, bytes: 5 } as const;
const fields = [
  ["Data", builtin.bytes],
  ["CPU", builtin.int],
  ["Lost", builtin.uint],
  ["Type", builtin.int],
] as const;

/** The message that declares the struct; goes once in front of a connection's records. */
export function encodeTypeDefinition(): Uint8Array {
  const text = (value: string): number[] => [...gobUnsigned(value.length), ...new TextEncoder().encode(value)];
  const body = [
    ...gobSigned(-typeId),
    3, // wireType, field 2: StructT
    1, // StructT, field 0: CommonType
    ...[1, ...text("Payload"), 1, ...gobSigned(typeId), 0],
    ...[1, fields.length], // StructT, field 1: the fields
    ...fields.flatMap(([name, id]) => [1, ...text(name), 1, ...gobSigned(id), 0]),
    0,
    0,
  ];
  return Uint8Array.from([...gobUnsigned(body.length), ...body]);
}

/** One record as a message; zero fields are left out, as gob has it. */
export function encodeRecord(record: MonitorRecord): Uint8Array {
  const head = [...gobSigned(typeId)];
  const tail: number[] = [];
  let previous = -1;
  const field = (index: number): number => {
    const delta = index - previous;
    previous = index;
    return delta;
  };
  if (record.data.length > 0) head.push(field(0), ...gobUnsigned(record.data.length));
  if (record.cpu !== 0) tail.push(field(1), ...gobSigned(record.cpu));
  if (record.lost !== 0) tail.push(field(2), ...gobUnsigned(record.lost));
  if (record.type !== 0) tail.push(field(3), ...gobSigned(record.type));
  tail.push(0);
  const length = gobUnsigned(head.length + record.data.length + tail.length);
  const message = new Uint8Array(length.length + head.length + record.data.length + tail.length);
  message.set(length, 0);
  message.set(head, length.length);
  message.set(record.data, length.length + head.length);
  message.set(tail, length.length + head.length + record.data.length);
  return message;
}
