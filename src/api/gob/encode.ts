// SPDX-License-Identifier: Apache-2.0
// Encodes monitor records as Go's gob does for struct Payload {Data []byte; CPU int; Lost uint64; Type int}.
import type { MonitorRecord } from "../types.ts";
import { gobSigned } from "./numbers.ts";
import { encodeStructDefinition } from "./struct.ts";

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
  return encodeStructDefinition(typeId, "Payload", fields);
}

/** Most bytes that a record takes above its data. */
export const recordOverhead = 9 + 2 + 10 + 3 * 10 + 1;

/** One record as a message; zero fields are left out, as gob has it. */
export function encodeRecord(record: MonitorRecord): Uint8Array {
  const bytes = new Uint8Array(record.data.length + recordOverhead);
  return bytes.slice(0, encodeRecordInto(bytes, 0, record));
}

/** Writes one record at `start`, where `recordOverhead` bytes above its data must be free; returns where it ends. */
export function encodeRecordInto(target: Uint8Array, start: number, record: MonitorRecord): number {
  const { data, cpu, lost, type } = record;
  // The message's length goes in front of it and takes as many bytes as it needs: written when all else is known.
  const size = data.length === 0 ? 0 : 1 + unsignedSize(data.length) + data.length;
  const length =
    typeIdBytes.length +
    size +
    (cpu === 0 ? 0 : 1 + unsignedSize(signed(cpu))) +
    (lost === 0 ? 0 : 1 + unsignedSize(lost)) +
    (type === 0 ? 0 : 1 + unsignedSize(signed(type))) +
    1;
  let at = putUnsigned(target, start, length);
  for (const byte of typeIdBytes) target[at++] = byte;
  let previous = -1;
  if (data.length > 0) {
    target[at++] = 1;
    at = putUnsigned(target, at, data.length);
    target.set(data, at);
    at += data.length;
    previous = 0;
  }
  if (cpu !== 0) {
    at = putField(target, at, 1 - previous, signed(cpu));
    previous = 1;
  }
  if (lost !== 0) {
    at = putField(target, at, 2 - previous, lost);
    previous = 2;
  }
  if (type !== 0) at = putField(target, at, 3 - previous, signed(type));
  target[at++] = 0;
  return at;
}

const typeIdBytes: readonly number[] = gobSigned(typeId);

function putField(target: Uint8Array, at: number, delta: number, value: number): number {
  target[at] = delta;
  return putUnsigned(target, at + 1, value);
}

/** As gobUnsigned() has it, in place. */
function putUnsigned(target: Uint8Array, at: number, value: number): number {
  const size = unsignedSize(value);
  if (size === 1) {
    target[at] = value;
    return at + 1;
  }
  target[at] = 256 - (size - 1);
  for (let i = size - 1, rest = value; i > 0; i--, rest = Math.floor(rest / 256)) target[at + i] = rest % 256;
  return at + size;
}

function unsignedSize(value: number): number {
  if (value < 128) return 1;
  let bytes = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes++;
  return 1 + bytes;
}

function signed(value: number): number {
  return value < 0 ? -(value + 1) * 2 + 1 : value * 2;
}
