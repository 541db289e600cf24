// SPDX-License-Identifier: Apache-2.0
// cilium_lxc: address of this node -> endpoint or host.
import {
  decodeEndpointInfo,
  decodeEndpointKey,
  EndpointInfoFlags,
  encodeEndpointInfo,
  encodeEndpointKey,
} from "../../abi/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { decodeAddress, encodeAddress } from "./codec.ts";
import { createRowMap, type RowCodec } from "./row-map.ts";
import type { LxcMap, LxcRow } from "./types.ts";

const codec: RowCodec<LxcRow, Pick<LxcRow, "address">> = {
  encodeKey(key, into, offset) {
    encodeEndpointKey({ ...encodeAddress(key.address), clusterId: 0 }, into, offset);
  },
  encodeValue(row, into, offset) {
    const flags = row.host ? EndpointInfoFlags.ENDPOINT_F_HOST : 0;
    encodeEndpointInfo({ endpointId: row.host ? 0 : row.endpointId, flags }, into, offset);
  },
  decode(key, value) {
    const { address, family } = decodeEndpointKey(key);
    const info = decodeEndpointInfo(value);
    return {
      address: decodeAddress(address, family),
      endpointId: info.endpointId,
      host: (info.flags & EndpointInfoFlags.ENDPOINT_F_HOST) !== 0,
    };
  },
};

/** Rows over cilium_lxc. */
export function createLxcMap(map: BpfMap): LxcMap {
  return createRowMap(map, codec);
}
