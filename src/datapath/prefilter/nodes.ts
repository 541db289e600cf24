// SPDX-License-Identifier: Apache-2.0
// The nodes of IPv4 below the direct table, whose keys are all of 3 bytes: struct prefilter_node by key. Pure.
import { PREFILTER_DIRECT_BITS, PREFILTER_NODE_SIZE } from "../../abi/index.ts";
import type { PrefixKey, PrefixList } from "./prefix-list.ts";

/** Bytes of a node's key, a character each; the last one says how many of the others count. */
export type NodeKey = string;

/** Nodes, a few bytes each beside their keys. */
export class Nodes {
  readonly #slots = new Map<NodeKey, number>();
  #values = new Uint8Array(16 * PREFILTER_NODE_SIZE);

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

/** Sets or clears the bits of a prefix in its node; `value`: the byte of its address that the node is about. */
export function markPrefix(node: Uint8Array, value: number, bits: number, denied: boolean): void {
  const count = 2 ** (7 - ((bits - 1) & 7));
  for (let next = value; next < value + count; next++) {
    const bit = 1 << (next & 7);
    const byte = node[next >> 3] ?? 0;
    node[next >> 3] = denied ? byte | bit : byte & ~bit;
  }
}

/** Keys one behind the other, as batched calls want them. */
export function packNodes({ keySize }: { readonly keySize: number }, keys: Iterable<NodeKey>): Uint8Array {
  return Buffer.concat(Array.from(keys, (key) => Buffer.from(key.slice(0, keySize), "latin1")));
}

function addRange(nodes: Nodes, list: PrefixList, from: number, to: number): void {
  for (const index of list.outermost(from, to)) {
    const bits = list.bits(index);
    if (bits <= PREFILTER_DIRECT_BITS) continue;
    const length = (bits - 1) >> 3;
    markPrefix(nodes.make(nodeKey(list, index, length)), list.byte(index, length), bits, true);
  }
}

function nodeKey(list: PrefixList, index: number, length: number): NodeKey {
  return String.fromCharCode(...list.bytes(index).subarray(0, length), length);
}
