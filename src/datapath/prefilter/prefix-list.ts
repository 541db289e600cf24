// SPDX-License-Identifier: Apache-2.0
// A sorted list of prefixes of one family, a few bytes each. Immutable.
import { type Family, FormatError, formatCidr, ipFromBytes, ipToBytes } from "../../core/index.ts";

/** Address bytes and the length as one more byte, a character each: sorts by address, then the wider prefix first. */
export type PrefixKey = string;

const LENGTH = /^(?:0|[1-9][0-9]{0,2})$/;

/** Parses `ADDRESS/LENGTH`; the address loses its host bits. A million take a second or two. Throws FormatError. */
export function prefixKey(text: string): PrefixKey {
  const slash = text.indexOf("/");
  const length = text.slice(slash + 1);
  const bits = Number(length);
  if (slash < 0 || !LENGTH.test(length))
    throw new FormatError(`Cannot parse prefix "${text}": ADDRESS/LENGTH expected`);
  const bytes = ipToBytes(text.slice(0, slash));
  if (bits > bytes.length * 8) {
    throw new FormatError(`Cannot parse prefix "${text}": length ${bits} is above ${bytes.length * 8}`);
  }
  let key = "";
  for (let byte = 0; byte < bytes.length; byte++) key += String.fromCharCode((bytes[byte] ?? 0) & mask(byte, bits));
  return key + String.fromCharCode(bits);
}

/** The family of what the key names. */
export function keyFamily(key: PrefixKey): Family {
  return key.length === 5 ? 4 : 6;
}

/** The length of the prefix in bits. */
export function keyBits(key: PrefixKey): number {
  return key.charCodeAt(key.length - 1);
}

/** The prefix of `bits` around what the key names. */
export function widened(key: PrefixKey, bits: number): PrefixKey {
  let text = "";
  for (let byte = 0; byte < key.length - 1; byte++)
    text += String.fromCharCode(key.charCodeAt(byte) & mask(byte, bits));
  return text + String.fromCharCode(bits);
}

function mask(byte: number, bits: number): number {
  return 0xff & (0xff00 >> Math.max(0, Math.min(8, bits - byte * 8)));
}

export class PrefixList {
  readonly family: Family;
  readonly size: number;
  readonly #stride: number;
  readonly #bytes: Uint8Array;
  /** How many prefixes of each length there are. */
  readonly #lengths: Uint32Array;

  private constructor(family: Family, bytes: Uint8Array) {
    this.family = family;
    this.#stride = (family === 4 ? 4 : 16) + 1;
    this.#bytes = bytes;
    this.size = bytes.length / this.#stride;
    this.#lengths = new Uint32Array(129);
    for (let index = 0; index < this.size; index++) {
      const bits = this.bits(index);
      this.#lengths[bits] = (this.#lengths[bits] ?? 0) + 1;
    }
  }

  static empty(family: Family): PrefixList {
    return new PrefixList(family, new Uint8Array(0));
  }

  /** From what `pack` gave. Throws when the bytes are no sorted list. */
  static unpack(family: Family, bytes: Uint8Array): PrefixList {
    const stride = (family === 4 ? 4 : 16) + 1;
    if (bytes.length % stride !== 0) throw new Error(`Cannot read prefixes: ${bytes.length} bytes are no whole number`);
    const list = new PrefixList(family, bytes);
    for (let index = 1; index < list.size; index++) {
      if (list.#compare(index - 1, list.key(index)) >= 0)
        throw new Error(`Cannot read prefixes: ${index} is not sorted`);
    }
    return list;
  }

  pack(): Uint8Array {
    return this.#bytes;
  }

  key(index: number): PrefixKey {
    const from = index * this.#stride;
    return String.fromCharCode(...this.#bytes.subarray(from, from + this.#stride));
  }

  bits(index: number): number {
    return this.#bytes[(index + 1) * this.#stride - 1] ?? 0;
  }

  /** A byte of the prefix's address. */
  byte(index: number, byte: number): number {
    return this.#bytes[index * this.#stride + byte] ?? 0;
  }

  /** Whether the leading bits of `outer` are those of `inner`. */
  contains(outer: number, inner: number): boolean {
    const bits = this.bits(outer);
    for (let byte = 0; byte * 8 < bits; byte++) {
      if (((this.byte(outer, byte) ^ this.byte(inner, byte)) & mask(byte, bits)) !== 0) return false;
    }
    return true;
  }

  has(key: PrefixKey): boolean {
    const index = this.#lowerBound(key);
    return index < this.size && this.#compare(index, key) === 0;
  }

  /** First and behind the last of the prefixes in `key`, itself included. */
  within(key: PrefixKey): readonly [from: number, to: number] {
    const bits = keyBits(key);
    let last = "";
    for (let byte = 0; byte < key.length - 1; byte++) {
      last += String.fromCharCode(key.charCodeAt(byte) | (0xff & ~mask(byte, bits)));
    }
    return [this.#lowerBound(key), this.#lowerBound(`${last}\xff`)];
  }

  /** As key(), as bytes: a view. */
  bytes(index: number): Uint8Array {
    return this.#bytes.subarray(index * this.#stride, (index + 1) * this.#stride);
  }

  /** Of the prefixes from `from` to before `to`, those that are not within another one of them. */
  *outermost(from: number, to: number): Generator<number> {
    let cover = -1;
    for (let index = from; index < to; index++) {
      if (cover >= 0 && this.contains(cover, index)) continue;
      cover = index;
      yield index;
    }
  }

  /** Whether a prefix as wide as `key` or wider holds all of it. */
  covers(key: PrefixKey): boolean {
    for (let bits = keyBits(key); bits >= 0; bits--) {
      if ((this.#lengths[bits] ?? 0) > 0 && this.has(widened(key, bits))) return true;
    }
    return false;
  }

  /** With and without these. */
  change(add: ReadonlySet<PrefixKey>, remove: ReadonlySet<PrefixKey>): PrefixList {
    const added = [...add].filter((key) => !this.has(key)).sort();
    const bytes = new Uint8Array((this.size + added.length) * this.#stride);
    let at = 0;
    let index = 0;
    const copyUpTo = (end: number) => {
      bytes.set(this.#bytes.subarray(index * this.#stride, end * this.#stride), at);
      at += (end - index) * this.#stride;
      index = end;
    };
    const removed = [...remove].filter((key) => this.has(key) && !add.has(key)).map((key) => this.#lowerBound(key));
    const edits = [
      ...added.map((key) => ({ key, place: this.#lowerBound(key) })),
      ...removed.map((place) => ({ key: undefined, place })),
    ].sort((a, b) => a.place - b.place);
    for (const { key, place } of edits) {
      copyUpTo(place);
      if (key === undefined) index++;
      else for (let byte = 0; byte < this.#stride; byte++) bytes[at++] = key.charCodeAt(byte);
    }
    copyUpTo(this.size);
    return new PrefixList(this.family, bytes.slice(0, at));
  }

  /** In order, as text. */
  *texts(): Generator<string> {
    for (let index = 0; index < this.size; index++) {
      const from = index * this.#stride;
      const ip = ipFromBytes(this.#bytes.subarray(from, from + this.#stride - 1));
      yield formatCidr({ ip, bits: this.bits(index), family: this.family });
    }
  }

  #lowerBound(key: PrefixKey): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compare(index: number, key: PrefixKey): number {
    const from = index * this.#stride;
    for (let byte = 0; byte < this.#stride; byte++) {
      const difference = (this.#bytes[from + byte] ?? 0) - key.charCodeAt(byte);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}
