// SPDX-License-Identifier: Apache-2.0
// Decodes a gob stream of monitor records, whatever ids, order or further plain fields the sender's type has.
import type { MonitorRecord } from "../types.ts";
import { GobError } from "./error.ts";
import { GobCursor } from "./numbers.ts";

const maxMessage = 1 << 20;
const maxFields = 64;
const maxTypes = 64;

interface Field {
  readonly name: string;
  readonly typeId: number;
}

/** Takes chunks as they arrive and gives the records that are complete. Throws GobError on what it cannot read. */
export class RecordDecoder {
  #pending: Uint8Array = new Uint8Array(0);
  readonly #types = new Map<number, readonly Field[]>();

  push(chunk: Uint8Array): MonitorRecord[] {
    this.#pending = this.#pending.length === 0 ? chunk : concat(this.#pending, chunk);
    const records: MonitorRecord[] = [];
    for (;;) {
      const header = messageHeader(this.#pending);
      if (header === undefined || this.#pending.length < header.size + header.length) break;
      const message = this.#pending.subarray(header.size, header.size + header.length);
      this.#pending = this.#pending.subarray(header.size + header.length);
      const record = this.#message(message);
      if (record !== undefined) records.push(record);
    }
    return records;
  }

  /** Call at the end of the stream; throws GobError when it ends within a message. */
  end(): void {
    if (this.#pending.length > 0) throw new GobError("it ends within a message");
  }

  #message(bytes: Uint8Array): MonitorRecord | undefined {
    const value = readMessage(bytes, this.#types);
    if (value === undefined) return undefined;
    const record = readRecord(value);
    if (!value.cursor.atEnd) throw new GobError("bytes behind the end of a value");
    return record;
  }
}

/** A struct's value that is still to be read, and its type. */
export interface StructValue {
  readonly cursor: GobCursor;
  readonly fields: readonly Field[];
}

/** The values of a whole stream. Throws GobError. */
export function* readMessages(stream: Uint8Array): Generator<StructValue> {
  const types = new Map<number, readonly Field[]>();
  let rest = stream;
  while (rest.length > 0) {
    const header = messageHeader(rest);
    if (header === undefined || rest.length < header.size + header.length)
      throw new GobError("it ends within a message");
    const end = header.size + header.length;
    const value = readMessage(rest.subarray(header.size, end), types);
    if (value !== undefined) yield value;
    rest = rest.subarray(end);
  }
}

/** The plain fields of a value by name. */
export function readStruct({ cursor, fields }: StructValue): Map<string, number | Uint8Array> {
  const values = new Map<string, number | Uint8Array>();
  eachField(cursor, (index) => {
    const field = fields[index];
    if (field === undefined) throw new GobError(`field ${index} of ${fields.length}`);
    values.set(field.name, readPlain(cursor, field.typeId));
  });
  return values;
}

/** A message's value; undefined for one that declares a type, which goes into `types`. */
function readMessage(bytes: Uint8Array, types: Map<number, readonly Field[]>): StructValue | undefined {
  const cursor = new GobCursor(bytes);
  const id = cursor.signed();
  if (id < 0) {
    if (types.size >= maxTypes) throw new GobError(`more than ${maxTypes} types`);
    types.set(-id, readDefinition(cursor));
    return undefined;
  }
  const fields = types.get(id);
  if (fields === undefined) throw new GobError(`value of unknown type ${id}`);
  return { cursor, fields };
}

/** Size and content of the length prefix; undefined when it is not complete yet. */
function messageHeader(bytes: Uint8Array): { size: number; length: number } | undefined {
  const first = bytes[0];
  if (first === undefined) return undefined;
  const size = first < 128 ? 1 : 257 - first;
  if (size > 9) throw new GobError(`length of ${size - 1} bytes`);
  if (bytes.length < size) return undefined;
  const length = new GobCursor(bytes.subarray(0, size)).unsigned();
  if (length === 0 || length > maxMessage) throw new GobError(`message of ${length} bytes (1 to ${maxMessage})`);
  return { size, length };
}

/** A wireType value; only its StructT can be a record's. */
function readDefinition(cursor: GobCursor): readonly Field[] {
  if (cursor.unsigned() !== 3) throw new GobError("type that is not a struct");
  let fields: readonly Field[] = [];
  eachField(cursor, (index) => {
    if (index === 0) readCommonType(cursor);
    else if (index === 1) fields = readFields(cursor);
    else throw new GobError(`field ${index} of a struct type`);
  });
  if (cursor.unsigned() !== 0 || !cursor.atEnd) throw new GobError("bytes behind the end of a type");
  return fields;
}

function readCommonType(cursor: GobCursor): void {
  eachField(cursor, (index) => {
    if (index === 0) cursor.string();
    else if (index === 1) cursor.signed();
    else throw new GobError(`field ${index} of a common type`);
  });
}

function readFields(cursor: GobCursor): readonly Field[] {
  const count = cursor.unsigned();
  if (count > maxFields) throw new GobError(`type of ${count} fields (at most ${maxFields})`);
  const fields: Field[] = [];
  for (let i = 0; i < count; i++) {
    let name = "";
    let typeId = 0;
    eachField(cursor, (index) => {
      if (index === 0) name = cursor.string();
      else if (index === 1) typeId = cursor.signed();
      else throw new GobError(`field ${index} of a field type`);
    });
    fields.push({ name, typeId });
  }
  return fields;
}

function readRecord({ cursor, fields }: StructValue): MonitorRecord {
  const record = { data: new Uint8Array(0) as Uint8Array, cpu: 0, lost: 0, type: 0 };
  eachField(cursor, (index) => {
    const field = fields[index];
    if (field === undefined) throw new GobError(`field ${index} of ${fields.length}`);
    const value = readPlain(cursor, field.typeId);
    if (field.name === "Data" && value instanceof Uint8Array) record.data = value;
    else if (typeof value !== "number") return;
    else if (field.name === "CPU") record.cpu = value;
    else if (field.name === "Lost") record.lost = value;
    else if (field.name === "Type") record.type = value;
  });
  return record;
}

/** bool, int, uint, float (as its raw number), bytes, string. */
function readPlain(cursor: GobCursor, typeId: number): number | Uint8Array {
  if (typeId === 2) return cursor.signed();
  if (typeId === 1 || typeId === 3 || typeId === 4) return cursor.unsigned();
  if (typeId === 5 || typeId === 6) return cursor.bytes();
  throw new GobError(`field of type ${typeId}`);
}

/** Walks the field deltas of a struct value up to its end. */
function eachField(cursor: GobCursor, read: (index: number) => void): void {
  let index = -1;
  for (;;) {
    const delta = cursor.unsigned();
    if (delta === 0) return;
    index += delta;
    if (index >= maxFields) throw new GobError(`field number ${index}`);
    read(index);
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a, 0);
  joined.set(b, a.length);
  return joined;
}
