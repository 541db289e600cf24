// SPDX-License-Identifier: Apache-2.0
// The nodes below the direct table: struct prefilter_node by key. Pure.
import {
  PREFILTER_DIRECT_BITS,
  PREFILTER_FIRST_NODE,
  PREFILTER_LAST_NODE,
  PREFILTER_NODE_SIZE,
} from "../../abi/index.ts";
import { type PrefixKey, type PrefixList, widened } from "./prefix-list.ts";

/** Bytes of a node's key, a character each; the last one says how many of the others count. */
export type NodeKey = string;

/** Nodes, a few bytes each beside their keys. */
export class Nodes {
  readonly #slots = new Map<NodeKey, number>();
  #values = new Uint8Array(16 * PREFILTER_NODE_SIZE);

  get size(): number {
    return this.#slots.size;
  }

  keys(): IterableIterator<NodeKey> {
    return this.#slots.keys();
  }

  has(key: NodeKey): boolean {
    return this.#slots.has(key);
  }

  /** The node's bits; a view that holds until the next one is made. */
  value(key: NodeKey): Uint8Array | undefined {
    const slot = this.#slots.get(key);
    return slot === undefined ? undefined : this.#view(slot);
  }

  /** As value(), of a node that is made when there is none. */
  make(key: NodeKey): Uint8Array {
    const known = this.#slots.get(key);
    if (known !== undefined) return this.#view(known);
    const slot = this.#slots.size;
    if ((slot + 1) * PREFILTER_NODE_SIZE > this.#values.length) {
      const larger = new Uint8Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#slots.set(key, slot);
    return this.#view(slot);
  }

  #view(slot: number): Uint8Array {
    return this.#values.subarray(slot * PREFILTER_NODE_SIZE, (slot + 1) * PREFILTER_NODE_SIZE);
  }
}

/** Nodes of these cells (prefixes of 24 bits), or of all. Prefixes within others, and cells within one, have none. */
export function nodesOf(list: PrefixList, cells: ReadonlySet<PrefixKey> | "all"): Nodes {
  const nodes = new Nodes();
  if (cells === "all") addRange(nodes, list, 0, list.size);
  else {
    for (const cell of cells) if (!list.covers(cell)) addRange(nodes, list, ...list.within(cell));
  }
  return nodes;
}

/** The prefixes of `changed` that stand behind the direct table, as the cells that hold them. */
export function cellsOf(changed: PrefixKey): PrefixKey {
  return widened(changed, PREFILTER_DIRECT_BITS);
}

function addRange(nodes: Nodes, list: PrefixList, from: number, to: number): void {
  let cover = -1;
  for (let index = from; index < to; index++) {
    if (cover >= 0 && list.contains(cover, index)) continue;
    cover = index;
    if (list.bits(index) > PREFILTER_DIRECT_BITS) addPrefix(nodes, list, index);
  }
}

function addPrefix(nodes: Nodes, list: PrefixList, index: number): void {
  const bits = list.bits(index);
  const length = (bits - 1) >> 3;
  const node = nodes.make(nodeKey(list, index, length));
  const first = list.byte(index, length);
  const count = 2 ** (length * 8 + 8 - bits);
  for (let value = first; value < first + count; value++)
    node[value >> 3] = (node[value >> 3] ?? 0) | (1 << (value & 7));
}

function nodeKey(list: PrefixList, index: number, length: number): NodeKey {
  const room = list.family === 4 ? PREFILTER_FIRST_NODE : PREFILTER_LAST_NODE;
  let key = "";
  for (let byte = 0; byte < room; byte++) key += String.fromCharCode(byte < length ? list.byte(index, byte) : 0);
  return key + String.fromCharCode(length);
}
