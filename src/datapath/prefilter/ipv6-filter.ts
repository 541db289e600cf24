// SPDX-License-Identifier: Apache-2.0
// The filter and the levels in front of the IPv6 nodes: what lets a packet go by without a look-up for each length.
import {
  decodePrefilterLevels,
  encodePrefilterLevels,
  PREFILTER_FILTER_BITS,
  PREFILTER_FILTER_BLOCK_BITS,
  PREFILTER_FILTER_SIZE,
} from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { filterHash } from "./filter-hash.ts";
import type { NodeKey } from "./nodes.ts";

const BLOCKS = 2 ** (PREFILTER_FILTER_BITS - PREFILTER_FILTER_BLOCK_BITS);
const BLOCK_MASK = 2 ** PREFILTER_FILTER_BLOCK_BITS - 1;
/** Bits of nodes that are gone cost time only; they are cleared when they are many. */
const STALE_AT_LEAST = 4096;

/** Keeps cilium_cidr_filter and cilium_cidr_levels. */
export class Ipv6Filter {
  readonly #filter: BpfMap;
  readonly #levels: BpfMap;
  /** Nodes by their length. */
  readonly #counts = new Map<number, number>();
  #stale = 0;
  #revision = 0;

  constructor(filter: BpfMap, levels: BpfMap) {
    this.#filter = filter;
    this.#levels = levels;
  }

  /** Says where nodes are. Call it when they are in place, and before anything leads to them. */
  add(keys: Iterable<NodeKey>): void {
    const blocks = new Map<number, Uint8Array>();
    for (const key of keys) {
      mark(blocks, key, (block) => this.#filter.lookup(word(block)) ?? new Uint8Array(PREFILTER_FILTER_SIZE));
      this.#count(key, 1);
    }
    this.#write(blocks);
    this.#writeLevels();
  }

  /** Forgets nodes that are gone; `rest` gives all that are left. */
  remove(keys: Iterable<NodeKey>, rest: () => Iterable<NodeKey>): void {
    for (const key of keys) {
      this.#count(key, -1);
      this.#stale++;
    }
    const left = [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
    if (this.#stale > Math.max(STALE_AT_LEAST, left / 2)) this.rebuild(rest());
    else this.#writeLevels();
  }

  /** Says where nodes are, and that there are no others. */
  rebuild(keys: Iterable<NodeKey>): void {
    const blocks = new Map<number, Uint8Array>();
    for (let block = 0; block < BLOCKS; block++) blocks.set(block, new Uint8Array(PREFILTER_FILTER_SIZE));
    this.#counts.clear();
    this.#stale = 0;
    for (const key of keys) {
      mark(blocks, key, () => new Uint8Array(PREFILTER_FILTER_SIZE));
      this.#count(key, 1);
    }
    this.#writeLevels();
    this.#write(blocks);
  }

  /** Which list the tables hold, 0 while they are between two; an earlier run's is `writtenRevision`. */
  setRevision(revision: number): void {
    this.#revision = revision;
    this.#writeLevels();
  }

  get writtenRevision(): number {
    const value = this.#levels.lookup(word(0));
    return value === undefined ? 0 : decodePrefilterLevels(value).revision;
  }

  /** Takes the nodes for known that an earlier run wrote. */
  adopt(keys: Iterable<NodeKey>): void {
    for (const key of keys) this.#count(key, 1);
  }

  #count(key: NodeKey, step: number): void {
    const length = key.charCodeAt(key.length - 1);
    this.#counts.set(length, (this.#counts.get(length) ?? 0) + step);
  }

  #write(blocks: ReadonlyMap<number, Uint8Array>): void {
    if (blocks.size === 0) return;
    const keys = new Uint8Array(blocks.size * 4);
    const values = new Uint8Array(blocks.size * PREFILTER_FILTER_SIZE);
    let index = 0;
    for (const [block, bytes] of blocks) {
      keys.set(word(block), index * 4);
      values.set(bytes, index++ * PREFILTER_FILTER_SIZE);
    }
    this.#filter.updateBatch(keys, values, blocks.size);
  }

  #writeLevels(): void {
    let ipv6 = 0;
    for (const [length, count] of this.#counts) if (count > 0) ipv6 |= 1 << length;
    this.#levels.update(word(0), encodePrefilterLevels({ ipv6, revision: this.#revision }));
  }
}

function mark(blocks: Map<number, Uint8Array>, key: NodeKey, read: (block: number) => Uint8Array): void {
  const length = key.charCodeAt(key.length - 1);
  const bytes = Buffer.from(key, "latin1");
  bytes[key.length - 1] = 0;
  const words = new Uint32Array(4);
  for (let index = 0; index < 4; index++) words[index] = bytes.readUInt32LE(index * 4);
  const hash = filterHash(words, length);
  const number = hash >>> PREFILTER_FILTER_BLOCK_BITS;
  const block = blocks.get(number) ?? read(number);
  blocks.set(number, block);
  const bit = hash & BLOCK_MASK;
  block[bit >> 3] = (block[bit >> 3] ?? 0) | (1 << (bit & 7));
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}
