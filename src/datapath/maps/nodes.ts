// SPDX-License-Identifier: Apache-2.0
// cilium_node_map_v2: underlay addresses of the known nodes.
import { decodeNodeKey, decodeNodeValue, encodeNodeKey, encodeNodeValue } from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { decodeAddress, encodeAddress } from "./codec.ts";
import { createRowMap, type RowCodec } from "./row-map.ts";
import type { NodeMapRow, NodesMap } from "./types.ts";

const codec: RowCodec<NodeMapRow, Pick<NodeMapRow, "address">> = {
  encodeKey(key, into, offset) {
    encodeNodeKey(encodeAddress(key.address), into, offset);
  },
  encodeValue(row, into, offset) {
    encodeNodeValue({ nodeId: row.nodeId, spi: row.spi }, into, offset);
  },
  decode(bytes, value) {
    const key = decodeNodeKey(bytes);
    return { address: decodeAddress(key.address, key.family), ...decodeNodeValue(value) };
  },
};

/** Rows over cilium_node_map_v2. */
export function createNodesMap(map: BpfMap): NodesMap {
  return createRowMap(map, codec);
}
