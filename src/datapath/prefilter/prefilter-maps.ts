// SPDX-License-Identifier: Apache-2.0
// Writes the prefilter's tables. What stays denied is denied at every moment in between, and nothing else is.
import { PREFILTER_BLOCK_SIZE, PREFILTER_BLOCKS, PREFILTER_DIRECT_BITS, PREFILTER_NODE_SIZE } from "../../abi/index.ts";
import type { Family } from "../../core/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { blocksOf, directBlock } from "./direct.ts";
import { Ipv6Filter } from "./ipv6-filter.ts";
import { type NodeKey, type Nodes, nodesOf } from "./nodes.ts";
import { keyBits, type PrefixKey, type PrefixList, widened } from "./prefix-list.ts";

/** The maps of bpf/maps/prefilter.h. */
export interface PrefilterMapSet {
  readonly direct: BpfMap;
  readonly ipv4: BpfMap;
  readonly ipv6: BpfMap;
  readonly filter: BpfMap;
  readonly levels: BpfMap;
}

/** Beyond so many changed prefixes all of the list is looked at once, instead of what is around each. */
const MANY = 5000;

export class PrefilterMaps {
  readonly #maps: PrefilterMapSet;
  readonly #filter: Ipv6Filter;

  /** The maps stay the caller's. */
  constructor(maps: PrefilterMapSet) {
    this.#maps = maps;
    this.#filter = new Ipv6Filter(maps.filter, maps.levels);
  }

  /** Takes the tables for the lists of this revision if an earlier run wrote them to the end; false if it did not. */
  adopt(revision: number): boolean {
    if (revision === 0 || this.#filter.writtenRevision !== revision) return false;
    this.#filter.adopt(keysOf(this.#maps.ipv6));
    return true;
  }

  /** Changes the tables and says then that they hold the lists of this revision. */
  write(revision: number, changes: () => void): void {
    this.#filter.setRevision(0);
    changes();
    this.#filter.setRevision(revision);
  }

  /** Within write(): from one list to another of the same family; `changed` are the prefixes that only one of them has. */
  change(before: PrefixList, after: PrefixList, changed: ReadonlySet<PrefixKey>): void {
    const cells = changed.size > MANY ? "all" : concernedCells(before, after, changed);
    const old = nodesOf(before, cells);
    const nodes = nodesOf(after, cells);
    const written = new Set<NodeKey>();
    const added: NodeKey[] = [];
    for (const key of nodes.keys()) {
      const known = old.value(key);
      if (known === undefined) added.push(key);
      if (known === undefined || Buffer.compare(known, nodes.value(key) ?? known) !== 0) written.add(key);
    }
    const map = this.#nodeMap(after.family);
    writeNodes(map, nodes, written);
    if (after.family === 6) this.#filter.add(added);
    this.#putDirect(after, concernedBlocks(changed));
    const gone = [...old.keys()].filter((key) => !nodes.has(key));
    removeNodes(map, gone);
    if (after.family === 6) this.#filter.remove(gone, () => keysOf(map));
  }

  /** Within write(): makes the tables hold exactly this list, whatever they hold. */
  replace(list: PrefixList): void {
    const nodes = nodesOf(list, "all");
    const map = this.#nodeMap(list.family);
    writeNodes(map, nodes, new Set(nodes.keys()));
    if (list.family === 6) this.#filter.rebuild(nodes.keys());
    this.#putDirect(list, new Set(Array.from({ length: PREFILTER_BLOCKS }, (_, block) => block)));
    removeNodes(
      map,
      [...keysOf(map)].filter((key) => !nodes.has(key)),
    );
  }

  #nodeMap(family: Family): BpfMap {
    return family === 4 ? this.#maps.ipv4 : this.#maps.ipv6;
  }

  #putDirect(list: PrefixList, blocks: ReadonlySet<number>): void {
    if (blocks.size === 0) return;
    const keys = new Uint32Array(blocks.size);
    const values = new Uint8Array(blocks.size * PREFILTER_BLOCK_SIZE);
    let index = 0;
    for (const block of blocks) {
      keys[index] = block + (list.family === 4 ? 0 : PREFILTER_BLOCKS);
      values.set(directBlock(list, block), index++ * PREFILTER_BLOCK_SIZE);
    }
    this.#maps.direct.updateBatch(new Uint8Array(keys.buffer), values, blocks.size);
  }
}

function concernedBlocks(changed: Iterable<PrefixKey>): Set<number> {
  const blocks = new Set<number>();
  for (const key of changed) {
    const [first, count] = blocksOf(key);
    for (let block = first; block < first + count; block++) blocks.add(block);
  }
  return blocks;
}

/** Prefixes of 24 bits whose nodes may be others now. */
function concernedCells(before: PrefixList, after: PrefixList, changed: Iterable<PrefixKey>): Set<PrefixKey> {
  const cells = new Set<PrefixKey>();
  for (const key of changed) {
    if (keyBits(key) > PREFILTER_DIRECT_BITS) cells.add(widened(key, PREFILTER_DIRECT_BITS));
    else for (const list of [before, after]) addCells(cells, list, key);
  }
  return cells;
}

function addCells(cells: Set<PrefixKey>, list: PrefixList, key: PrefixKey): void {
  const [from, to] = list.within(key);
  for (let index = from; index < to; index++) {
    if (list.bits(index) > PREFILTER_DIRECT_BITS) cells.add(widened(list.key(index), PREFILTER_DIRECT_BITS));
  }
}

function* keysOf(map: BpfMap): Generator<NodeKey> {
  for (const key of map.keys()) yield Buffer.from(key).toString("latin1");
}

function writeNodes(map: BpfMap, nodes: Nodes, keys: ReadonlySet<NodeKey>): void {
  if (keys.size === 0) return;
  const values = new Uint8Array(keys.size * PREFILTER_NODE_SIZE);
  let index = 0;
  for (const key of keys) values.set(nodes.value(key) ?? [], index++ * PREFILTER_NODE_SIZE);
  map.updateBatch(pack(map, keys), values, keys.size);
}

function removeNodes(map: BpfMap, keys: readonly NodeKey[]): void {
  if (keys.length > 0) map.deleteBatch(pack(map, new Set(keys)), keys.length);
}

function pack(map: BpfMap, keys: ReadonlySet<NodeKey>): Uint8Array {
  const packed = Buffer.alloc(keys.size * map.keySize);
  let at = 0;
  for (const key of keys) at += packed.write(key, at, "latin1");
  return packed;
}
