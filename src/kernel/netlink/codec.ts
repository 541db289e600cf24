// SPDX-License-Identifier: Apache-2.0
// Netlink messages: building and strict parsing. All lengths are checked before they are believed.

export const NLMSG_HEADER = 16;
const NLA_TYPE_MASK = 0x3fff;
const NLA_F_NESTED = 0x8000;

/** Flags of nlmsghdr. */
export const Nlm = {
  REQUEST: 1,
  MULTI: 2,
  ACK: 4,
  DUMP_INTR: 0x10,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
  APPEND: 0x800,
} as const;

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Buffer;
}

function align4(length: number): number {
  return (length + 3) & ~3;
}

/** Builds one message; sequence and length are filled in by finish(). */
export class MessageBuilder {
  readonly type: number;
  readonly flags: number;
  #bytes: Buffer = Buffer.alloc(512);
  #length = NLMSG_HEADER;

  constructor(type: number, flags: number) {
    this.type = type;
    this.flags = flags;
  }

  /** The fixed part, as zeroed bytes that `fill` writes to. */
  header(size: number, fill: (header: Buffer) => void): this {
    const at = this.#grow(align4(size));
    fill(this.#bytes.subarray(at, at + size));
    return this;
  }

  bytes(type: number, value: Uint8Array): this {
    const at = this.#grow(align4(4 + value.length));
    this.#bytes.writeUInt16LE(4 + value.length, at);
    this.#bytes.writeUInt16LE(type, at + 2);
    this.#bytes.set(value, at + 4);
    return this;
  }

  u8(type: number, value: number): this {
    return this.bytes(type, Uint8Array.of(value));
  }

  u16(type: number, value: number): this {
    return this.bytes(type, Uint8Array.of(value & 0xff, value >> 8));
  }

  u16be(type: number, value: number): this {
    return this.bytes(type, Uint8Array.of(value >> 8, value & 0xff));
  }

  u32(type: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    return this.bytes(type, bytes);
  }

  u32be(type: number, value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value >>> 0);
    return this.bytes(type, bytes);
  }

  string(type: number, value: string): this {
    return this.bytes(type, Buffer.from(`${value}\0`));
  }

  /** An attribute whose value is what `fill` adds. */
  nested(type: number, fill: (inner: this) => void): this {
    const at = this.#grow(4);
    this.#bytes.writeUInt16LE(type | NLA_F_NESTED, at + 2);
    fill(this);
    this.#bytes.writeUInt16LE(this.#length - at, at);
    return this;
  }

  finish(sequence: number): Buffer {
    this.#bytes.writeUInt32LE(this.#length, 0);
    this.#bytes.writeUInt16LE(this.type, 4);
    this.#bytes.writeUInt16LE(this.flags, 6);
    this.#bytes.writeUInt32LE(sequence, 8);
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.alloc(this.#length * 2);
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    return at;
  }
}

/** The messages of one datagram. Throws on a length that does not fit. */
export function* parseMessages(datagram: Buffer): Generator<Message> {
  for (let at = 0; at + NLMSG_HEADER <= datagram.length; ) {
    const length = datagram.readUInt32LE(at);
    if (length < NLMSG_HEADER || at + length > datagram.length) {
      throw new Error(`Cannot parse netlink message: length ${length} of ${datagram.length - at} bytes`);
    }
    yield {
      type: datagram.readUInt16LE(at + 4),
      flags: datagram.readUInt16LE(at + 6),
      sequence: datagram.readUInt32LE(at + 8),
      body: datagram.subarray(at + NLMSG_HEADER, at + length),
    };
    at += align4(length);
  }
}

/** Attributes of a message or of an attribute, by type; the last one wins. Values of a wrong size count as absent. */
export class Attributes {
  readonly #values = new Map<number, Buffer>();
  readonly all: readonly [type: number, value: Buffer][];

  /** Parses what stands in `body` from `offset` on. */
  constructor(body: Buffer, offset = 0) {
    const all: [number, Buffer][] = [];
    for (let at = offset; at + 4 <= body.length; ) {
      const length = body.readUInt16LE(at);
      if (length < 4 || at + length > body.length) {
        throw new Error(`Cannot parse netlink attribute: length ${length} of ${body.length - at} bytes`);
      }
      const type = body.readUInt16LE(at + 2) & NLA_TYPE_MASK;
      const value = body.subarray(at + 4, at + length);
      all.push([type, value]);
      this.#values.set(type, value);
      at += align4(length);
    }
    this.all = all;
  }

  bytes(type: number): Buffer | undefined {
    return this.#values.get(type);
  }

  u8(type: number): number | undefined {
    return this.#sized(type, 1)?.readUInt8();
  }

  u16be(type: number): number | undefined {
    return this.#sized(type, 2)?.readUInt16BE();
  }

  u32(type: number): number | undefined {
    return this.#sized(type, 4)?.readUInt32LE();
  }

  string(type: number): string | undefined {
    const value = this.#values.get(type);
    if (value === undefined) return undefined;
    const end = value.indexOf(0);
    return value.subarray(0, end < 0 ? value.length : end).toString();
  }

  nested(type: number): Attributes | undefined {
    const value = this.#values.get(type);
    return value === undefined ? undefined : new Attributes(value);
  }

  #sized(type: number, size: number): Buffer | undefined {
    const value = this.#values.get(type);
    return value !== undefined && value.length >= size ? value : undefined;
  }
}

/** The fixed part of a message body. Throws when the message is shorter. */
export function fixedPart(message: Message, size: number): Buffer {
  if (message.body.length < size) {
    throw new Error(`Cannot parse netlink message of type ${message.type}: ${message.body.length} of ${size} bytes`);
  }
  return message.body.subarray(0, size);
}
