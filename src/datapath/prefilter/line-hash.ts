// SPDX-License-Identifier: Apache-2.0
// The number of an IPv6 line: line_index() of bpf/lib/prefilter.h.
import { PREFILTER_LINE_BITS } from "../../abi/index.ts";

/** Of the first `length` bytes of an address of 16. */
export function lineIndex(address: Uint8Array, length: number): number {
  let hash = (Math.imul(word(address, 0, length), 0x9e3779b1) + length) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15) ^ word(address, 4, length), 0x85ebca77) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 13) ^ word(address, 8, length), 0xc2b2ae3d) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16) ^ word(address, 12, length), 0x27d4eb2f) >>> 0;
  return ((hash ^ (hash >>> 15)) >>> 0) >>> (32 - PREFILTER_LINE_BITS);
}

/** Four bytes as they stand in memory, those behind `length` zero. */
function word(address: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let byte = 0; byte < 4 && at + byte < length; byte++) value |= (address[at + byte] ?? 0) << (byte * 8);
  return value;
}
