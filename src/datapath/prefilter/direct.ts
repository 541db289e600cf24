// SPDX-License-Identifier: Apache-2.0
// The first table: two bits for each prefix of 24 bits. Pure.
import { PREFILTER_BLOCK_BITS, PREFILTER_BLOCK_SIZE, PREFILTER_DIRECT_BITS, PrefilterDirect } from "../../abi/index.ts";
import { keyBits, type PrefixKey, type PrefixList } from "./prefix-list.ts";

const BLOCK_PREFIX = PREFILTER_DIRECT_BITS - PREFILTER_BLOCK_BITS;
const ALL_DENIED = 0x55;

/** Numbers of the family's blocks that hold a part of the prefix: the first, and how many. */
export function blocksOf(key: PrefixKey): readonly [first: number, count: number] {
  const bits = keyBits(key);
  const top = (key.charCodeAt(0) << 16) | (key.charCodeAt(1) << 8) | key.charCodeAt(2);
  return [top >>> PREFILTER_BLOCK_BITS, bits >= BLOCK_PREFIX ? 1 : 2 ** (BLOCK_PREFIX - bits)];
}

/** struct prefilter_block of a block. */
export function directBlock(list: PrefixList, block: number): Uint8Array {
  const bytes = new Uint8Array(PREFILTER_BLOCK_SIZE);
  const first = block << PREFILTER_BLOCK_BITS;
  const rest = "\0".repeat((list.family === 4 ? 4 : 16) - 3);
  const top = String.fromCharCode(first >> 16, (first >> 8) & 0xff, first & 0xff);
  const key = `${top}${rest}${String.fromCharCode(BLOCK_PREFIX)}`;
  if (list.covers(key)) return bytes.fill(ALL_DENIED);
  const [from, to] = list.within(key);
  for (let index = from; index < to; index++) {
    const entry = ((list.byte(index, 0) << 16) | (list.byte(index, 1) << 8) | list.byte(index, 2)) - first;
    const bits = list.bits(index);
    if (bits > PREFILTER_DIRECT_BITS) {
      const { PREFILTER_LONGER, PREFILTER_PASS } = PrefilterDirect;
      if (entryAt(bytes, entry) === PREFILTER_PASS) setEntry(bytes, entry, PREFILTER_LONGER);
      continue;
    }
    const count = 2 ** (PREFILTER_DIRECT_BITS - bits);
    for (let next = entry; next < entry + count; next++) setEntry(bytes, next, PrefilterDirect.PREFILTER_DENY);
  }
  return bytes;
}

function entryAt(bytes: Uint8Array, entry: number): number {
  return ((bytes[entry >> 2] ?? 0) >> ((entry & 3) * 2)) & 3;
}

function setEntry(bytes: Uint8Array, entry: number, value: number): void {
  const shift = (entry & 3) * 2;
  bytes[entry >> 2] = ((bytes[entry >> 2] ?? 0) & ~(3 << shift)) | (value << shift);
}
