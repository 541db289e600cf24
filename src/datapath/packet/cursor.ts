// SPDX-License-Identifier: Apache-2.0
// Bounds-checked reading of packet bytes: a parser asks for a whole header or gets nothing.

/** A header's bytes; offsets are from its start. Reads inside `take(n)` bytes cannot fail. */
export class Header {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }
  u16(offset: number): number {
    return this.#view.getUint16(offset);
  }
  u32(offset: number): number {
    return this.#view.getUint32(offset);
  }
  slice(offset: number, length: number): Uint8Array {
    return this.bytes.subarray(offset, offset + length);
  }
}

/** Walks over a packet from its first byte on. */
export class Cursor {
  readonly #bytes: Uint8Array;
  #offset = 0;
  /** A header was asked for that the bytes do not hold. */
  truncated = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** The next `length` bytes without passing over them; undefined and `truncated` when they are not there. */
  peek(length: number): Header | undefined {
    if (this.remaining < length) {
      this.truncated = true;
      return undefined;
    }
    return new Header(this.#bytes.subarray(this.#offset, this.#offset + length));
  }

  /** As `peek`, and passes over them. */
  take(length: number): Header | undefined {
    const header = this.peek(length);
    if (header !== undefined) this.#offset += length;
    return header;
  }
}
