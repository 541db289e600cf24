// SPDX-License-Identifier: Apache-2.0
// Numbers of Go's gob format: unsigned (one byte below 128, else negated byte count and big-endian bytes), signed.
import { GobError } from "./error.ts";

/** Bytes of an unsigned number; `value` is a safe integer ≥ 0. */
export function gobUnsigned(value: number): number[] {
  if (value < 128) return [value];
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [256 - bytes.length, ...bytes];
}

/** Bytes of a signed number. */
export function gobSigned(value: number): number[] {
  return gobUnsigned(value < 0 ? -(value + 1) * 2 + 1 : value * 2);
}

/** Reads within one message; every read past its end throws GobError. */
export class GobCursor {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#at = 0;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Values above 2^53−1 are cut to it. */
  unsigned(): number {
    const first = this.#byte();
    if (first < 128) return first;
    const length = 256 - first;
    if (length > 8) throw new GobError(`number of ${length} bytes (at most 8)`);
    let value = 0n;
    for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(this.#byte());
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
  }

  signed(): number {
    const raw = this.unsigned();
    return raw % 2 === 1 ? -Math.floor(raw / 2) - 1 : raw / 2;
  }

  /** Length and bytes; a view into the message. */
  bytes(): Uint8Array {
    const length = this.unsigned();
    const end = this.#at + length;
    if (end > this.#bytes.length)
      throw new GobError(`${length} bytes announced, ${this.#bytes.length - this.#at} left`);
    const view = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return view;
  }

  string(): string {
    return new TextDecoder().decode(this.bytes());
  }

  skip(length: number): void {
    if (this.#at + length > this.#bytes.length) throw new GobError("value ends too early");
    this.#at += length;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new GobError("message ends too early");
    this.#at++;
    return byte;
  }
}
