// SPDX-License-Identifier: Apache-2.0
// Writes the prefilter's tables. What stays denied is denied at every moment in between, and nothing else is.
import {
  decodePrefilterState,
  encodePrefilterState,
  PREFILTER_BLOCK_SIZE,
  PREFILTER_BLOCKS,
  PREFILTER_DIRECT_BITS,
  PREFILTER_NODE_SIZE,
} from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { blocksOf, directBlock } from "./direct.ts";
import { Ipv6Tables } from "./ipv6-tables.ts";
import { type NodeKey, type Nodes, nodesOf, packNodes } from "./nodes.ts";
import { keyBits, type PrefixKey, type PrefixList, widened } from "./prefix-list.ts";

/** The maps of bpf/maps/prefilter.h. */
export interface PrefilterMapSet {
  readonly direct: BpfMap;
  readonly ipv4: BpfMap;
  readonly lines: BpfMap;
  readonly nodes6: BpfMap;
  readonly state: BpfMap;
}

const stateKey = new Uint8Array(4);
/** Beyond so many changed prefixes all of the list is looked at once, instead of what is around each. */
const MANY = 5000;

export class PrefilterMaps {
  readonly #maps: PrefilterMapSet;
  readonly #ipv6: Ipv6Tables;

  /** The maps stay the caller's. */
  constructor(maps: PrefilterMapSet) {
    this.#maps = maps;
    this.#ipv6 = new Ipv6Tables(maps.lines, maps.nodes6);
  }

  /** Whether an earlier run wrote the lists of this revision to the end. */
  holds(revision: number): boolean {
    const state = this.#maps.state.lookup(stateKey);
    return revision !== 0 && state !== undefined && decodePrefilterState(state).revision === revision;
  }

  /** Changes the tables and says then that they hold the lists of this revision. */
  write(revision: number, changes: () => void): void {
    this.#maps.state.update(stateKey, encodePrefilterState({ revision: 0 }));
    changes();
    this.#maps.state.update(stateKey, encodePrefilterState({ revision }));
  }

  /** Within write(): from one list to another of the same family; `changed` are the prefixes that only one of them has. */
  change(before: PrefixList, after: PrefixList, changed: ReadonlySet<PrefixKey>): void {
    if (changed.size === 0) return;
    const cells = changed.size > MANY ? "all" : concernedCells(before, after, changed);
    const lead = () => this.#putDirect(after, concernedBlocks(changed));
    if (after.family === 6) this.#ipv6.change(before, after, cells, lead);
    else this.#changeNodes(nodesOf(before, cells), nodesOf(after, cells), lead);
  }

  /** Within write(): makes the tables hold exactly this list, whatever they hold. */
  replace(list: PrefixList): void {
    const all = new Set(Array.from({ length: PREFILTER_BLOCKS }, (_, block) => block));
    const lead = () => this.#putDirect(list, all);
    if (list.family === 6) this.#ipv6.replace(list, lead);
    else this.#replaceNodes(nodesOf(list, "all"), lead);
  }

  #changeNodes(before: Nodes, after: Nodes, lead: () => void): void {
    const written = new Set<NodeKey>();
    for (const key of after.keys()) {
      const known = before.value(key);
      if (known === undefined || Buffer.compare(known, after.value(key) ?? known) !== 0) written.add(key);
    }
    writeNodes(this.#maps.ipv4, after, written);
    lead();
    removeNodes(
      this.#maps.ipv4,
      [...before.keys()].filter((key) => !after.has(key)),
    );
  }

  #replaceNodes(nodes: Nodes, lead: () => void): void {
    const map = this.#maps.ipv4;
    writeNodes(map, nodes, new Set(nodes.keys()));
    lead();
    removeNodes(
      map,
      [...keysOf(map)].filter((key) => !nodes.has(key)),
    );
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
  map.updateBatch(packNodes(map, keys), values, keys.size);
}

function removeNodes(map: BpfMap, keys: readonly NodeKey[]): void {
  if (keys.length > 0) map.deleteBatch(packNodes(map, keys), keys.length);
}
