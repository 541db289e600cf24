// SPDX-License-Identifier: Apache-2.0
// Which line holds which IPv6 prefix of more than 24 bits: puts them in, finds them, takes them out. Pure.
import {
  abiLayout,
  PREFILTER_FIRST_NODE,
  PREFILTER_LAST_NODE,
  PREFILTER_LINE_SLOTS,
  PREFILTER_SECOND_SLOT,
  PrefilterLineFlags,
} from "../../abi/index.ts";
import { lineIndex } from "./line-hash.ts";

/** Offsets in struct prefilter_line. */
export const LINE_LENGTHS = abiLayout["prefilter_line"]?.members["lengths"]?.[0] ?? 0;
const LINE_FLAGS = abiLayout["prefilter_line"]?.members["flags"]?.[0] ?? 0;
const WORD = 8;

/** Bytes of an address, and the length in bits as one more; without host bits. */
export type PrefixBytes = Uint8Array;

/** Lines by number, struct prefilter_line each. */
export interface LineStore {
  line(index: number): Uint8Array;
  /** As line(), for who changes it. */
  change(index: number): Uint8Array;
}

/** Length of a prefix in bits. */
export function bitsOf(prefix: PrefixBytes): number {
  return prefix[16] ?? 0;
}

export class Lines {
  readonly #store: LineStore;

  constructor(store: LineStore) {
    this.#store = store;
  }

  has(prefix: PrefixBytes): boolean {
    return this.#find(prefix) !== undefined;
  }

  /**
   * Puts the prefix, which is not there, into the first line with room. False when there is none: then its lines lead to
   * its node, by (bits - 1) / 8 bytes.
   */
  put(prefix: PrefixBytes): boolean {
    const bits = bitsOf(prefix);
    for (let length = PREFILTER_FIRST_NODE; length <= deepest(bits); length++) {
      const index = lineIndex(prefix, length);
      const slot = freeSlot(this.#store.line(index), bits);
      if (slot !== undefined) {
        fillSlot(this.#store.change(index), slot, prefix);
        return true;
      }
      this.#flag(index, PrefilterLineFlags.PREFILTER_LINE_MORE);
    }
    this.#flag(lineIndex(prefix, (bits - 1) >> 3), PrefilterLineFlags.PREFILTER_LINE_NODES);
    return false;
  }

  /** Takes it out; false when no line has it. */
  take(prefix: PrefixBytes): boolean {
    const found = this.#find(prefix);
    if (found === undefined) return false;
    clearSlot(this.#store.change(found.index), found.slot);
    return true;
  }

  #find(prefix: PrefixBytes): { readonly index: number; readonly slot: number } | undefined {
    for (let length = PREFILTER_FIRST_NODE; length <= deepest(bitsOf(prefix)); length++) {
      const index = lineIndex(prefix, length);
      const line = this.#store.line(index);
      const slot = slotOf(line, prefix);
      if (slot !== undefined) return { index, slot };
      if (((line[LINE_FLAGS] ?? 0) & PrefilterLineFlags.PREFILTER_LINE_MORE) === 0) return undefined;
    }
    return undefined;
  }

  #flag(index: number, flag: number): void {
    const flags = this.#store.line(index)[LINE_FLAGS] ?? 0;
    if ((flags & flag) === 0) this.#store.change(index)[LINE_FLAGS] = flags | flag;
  }
}

/** What a line holds. */
export function* prefixesOf(line: Uint8Array): Generator<PrefixBytes> {
  for (let slot = 0; slot < PREFILTER_LINE_SLOTS; slot++) {
    const bits = line[LINE_LENGTHS + slot] ?? 0;
    if (bits === 0 || bits === PREFILTER_SECOND_SLOT) continue;
    const prefix = new Uint8Array(17);
    for (let byte = 0; byte < slotsFor(bits) * WORD; byte++) prefix[byte] = line[place(slot, byte)] ?? 0;
    prefix[16] = bits;
    yield prefix;
  }
}

/** Bytes of the address by which the last line is found that may hold so long a prefix. */
function deepest(bits: number): number {
  return Math.min(bits >> 3, PREFILTER_LAST_NODE);
}

function slotsFor(bits: number): number {
  return bits > 64 ? 2 : 1;
}

/** Where a byte of the address stands in a line: words are little endian numbers of big endian bytes. */
function place(slot: number, byte: number): number {
  return (slot + (byte >> 3)) * WORD + WORD - 1 - (byte & 7);
}

function freeSlot(line: Uint8Array, bits: number): number | undefined {
  const needed = slotsFor(bits);
  for (let slot = 0; slot + needed <= PREFILTER_LINE_SLOTS; slot++) {
    if (line[LINE_LENGTHS + slot] === 0 && line[LINE_LENGTHS + slot + needed - 1] === 0) return slot;
  }
  return undefined;
}

function slotOf(line: Uint8Array, prefix: PrefixBytes): number | undefined {
  const bits = bitsOf(prefix);
  for (let slot = 0; slot < PREFILTER_LINE_SLOTS; slot++) {
    if (line[LINE_LENGTHS + slot] === bits && holds(line, slot, prefix)) return slot;
  }
  return undefined;
}

function holds(line: Uint8Array, slot: number, prefix: PrefixBytes): boolean {
  for (let byte = 0; byte < slotsFor(bitsOf(prefix)) * WORD; byte++) {
    if (line[place(slot, byte)] !== prefix[byte]) return false;
  }
  return true;
}

function fillSlot(line: Uint8Array, slot: number, prefix: PrefixBytes): void {
  const bits = bitsOf(prefix);
  for (let byte = 0; byte < slotsFor(bits) * WORD; byte++) line[place(slot, byte)] = prefix[byte] ?? 0;
  line[LINE_LENGTHS + slot] = bits;
  if (slotsFor(bits) > 1) line[LINE_LENGTHS + slot + 1] = PREFILTER_SECOND_SLOT;
}

/** The words stay: without its length a slot says nothing. */
function clearSlot(line: Uint8Array, slot: number): void {
  if (slotsFor(line[LINE_LENGTHS + slot] ?? 0) > 1) line[LINE_LENGTHS + slot + 1] = 0;
  line[LINE_LENGTHS + slot] = 0;
}
