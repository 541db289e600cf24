// SPDX-License-Identifier: Apache-2.0
// IPv6 nodes while they are being changed: the few prefixes that found no line.
import { PREFILTER_LAST_NODE, PREFILTER_NODE_SIZE } from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { bitsOf, type PrefixBytes } from "./lines.ts";
import { markPrefix, type NodeKey, packNodes } from "./nodes.ts";

export class Ipv6Nodes {
  readonly #map: BpfMap;
  readonly #changed = new Map<NodeKey, Uint8Array>();

  constructor(map: BpfMap) {
    this.#map = map;
  }

  add(prefix: PrefixBytes): void {
    markPrefix(this.#node(keyOf(prefix)), byteOf(prefix), bitsOf(prefix), true);
  }

  remove(prefix: PrefixBytes): void {
    markPrefix(this.#node(keyOf(prefix)), byteOf(prefix), bitsOf(prefix), false);
  }

  /** Empties all nodes, to be filled again before they are written. */
  clear(): void {
    for (const key of this.#map.keys()) this.#node(Buffer.from(key).toString("latin1")).fill(0);
  }

  /** Writes what was changed; nodes without a prefix go. */
  flush(): void {
    const [full, empty] = [new Map<NodeKey, Uint8Array>(), new Set<NodeKey>()];
    for (const [key, node] of this.#changed) {
      if (node.some((byte) => byte !== 0)) full.set(key, node);
      else empty.add(key);
    }
    if (full.size > 0)
      this.#map.updateBatch(packNodes(this.#map, full.keys()), Buffer.concat([...full.values()]), full.size);
    if (empty.size > 0) this.#map.deleteBatch(packNodes(this.#map, empty), empty.size);
    this.#changed.clear();
  }

  #node(key: NodeKey): Uint8Array {
    const node =
      this.#changed.get(key) ?? this.#map.lookup(packNodes(this.#map, [key])) ?? new Uint8Array(PREFILTER_NODE_SIZE);
    this.#changed.set(key, node);
    return node;
  }
}

function keyOf(prefix: PrefixBytes): NodeKey {
  const length = (bitsOf(prefix) - 1) >> 3;
  const key = new Uint8Array(PREFILTER_LAST_NODE + 1);
  key.set(prefix.subarray(0, length));
  key[PREFILTER_LAST_NODE] = length;
  return Buffer.from(key).toString("latin1");
}

function byteOf(prefix: PrefixBytes): number {
  return prefix[(bitsOf(prefix) - 1) >> 3] ?? 0;
}
