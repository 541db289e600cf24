// SPDX-License-Identifier: Apache-2.0
// cilium_masquerade: addresses that a device gives to what leaves by it.
import { decodeMasqueradeDevice, encodeMasqueradeDevice } from "../../abi/index.ts";
import { ip16, ipFrom16 } from "../../core/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { isZero } from "./codec.ts";
import type { MasqueradeDeviceRow, MasqueradeDevicesMap } from "./nat-types.ts";
import { createRowMap, type RowCodec } from "./row-map.ts";

const none = new Uint8Array(16);

const codec: RowCodec<MasqueradeDeviceRow, Pick<MasqueradeDeviceRow, "ifindex">> = {
  encodeKey({ ifindex }, into, offset) {
    new DataView(into.buffer, into.byteOffset).setUint32(offset, ifindex, true);
  },
  encodeValue({ ipv4, ipv6 }, into, offset) {
    const bytes = (ip: string | undefined) => (ip === undefined ? none : ip16(ip));
    encodeMasqueradeDevice({ ipv4: bytes(ipv4), ipv6: bytes(ipv6) }, into, offset);
  },
  decode(key, value) {
    const { ipv4, ipv6 } = decodeMasqueradeDevice(value);
    return {
      ifindex: new DataView(key.buffer, key.byteOffset).getUint32(0, true),
      ...(isZero(ipv4) ? {} : { ipv4: ipFrom16(ipv4, 4) }),
      ...(isZero(ipv6) ? {} : { ipv6: ipFrom16(ipv6, 6) }),
    };
  },
};

/** Rows over cilium_masquerade. */
export function createMasqueradeDevicesMap(map: BpfMap): MasqueradeDevicesMap {
  return createRowMap(map, codec);
}
