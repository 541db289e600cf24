// SPDX-License-Identifier: Apache-2.0
// The bit of an IPv6 node in the prefilter's filter: prefilter_hash() of bpf/lib/prefilter.h.
import { PREFILTER_FILTER_BITS } from "../../abi/index.ts";

/** The four words of a node's bytes, as they stand in memory (little endian), and its length in bytes. */
export function filterHash(words: Uint32Array, length: number): number {
  let hash = (Math.imul(words[0] ?? 0, 0x9e3779b1) + length) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 15) ^ (words[1] ?? 0), 0x85ebca77) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 13) ^ (words[2] ?? 0), 0xc2b2ae3d) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16) ^ (words[3] ?? 0), 0x27d4eb2f) >>> 0;
  return ((hash ^ (hash >>> 15)) >>> 0) >>> (32 - PREFILTER_FILTER_BITS);
}
