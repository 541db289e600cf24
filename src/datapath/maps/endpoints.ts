// SPDX-License-Identifier: Apache-2.0
// cilium_endpoints: an array indexed by endpoint id. An ifindex of 0 marks an unused slot.
import {
  abiLayout,
  decodeEndpointConfig,
  ENDPOINT_CONFIG_SIZE,
  encodeEndpointConfig,
  EndpointConfigFlags as Flags,
} from "../../abi/index.ts";
import { ipFromBigInt, ipFromBytes, ipToBigInt, ipToBytes, macFromBytes, macToBytes } from "../../core/index.ts";
import type { BpfMap } from "../../kernel/index.ts";
import { DatapathError } from "../errors.ts";
import { isZero } from "./codec.ts";
import { decodeOwnMonitor, encodeOwnMonitor } from "./monitor-codec.ts";
import { type RowCodec, upsertRows } from "./row-map.ts";
import type { EndpointConfigRow, EndpointsMap } from "./types.ts";

type Key = Pick<EndpointConfigRow, "id">;

const ifindexOffset = abiLayout["endpoint_config"]?.members["ifindex"]?.[0] ?? 0;
const flagsOffset = abiLayout["endpoint_config"]?.members["flags"]?.[0] ?? 0;
const LIST_BATCH = 8192;

/** Rows over cilium_endpoints. */
export function createEndpointsMap(map: BpfMap): EndpointsMap {
  const codec = codecFor(map.maxEntries);
  const read = (id: number): EndpointConfigRow | undefined => {
    const value = map.lookup(encodeId(codec, id));
    return value === undefined ? undefined : decodeConfig(id, value);
  };
  return {
    get: read,
    upsertMany(rows) {
      upsertRows(map, codec, rows);
    },
    deleteMany(keys) {
      const used = keys.filter((key) => read(key.id) !== undefined);
      if (used.length === 0) return 0;
      const packed = new Uint8Array(used.length * 4);
      for (const [index, key] of used.entries()) codec.encodeKey(key, packed, index * 4);
      map.updateBatch(packed, new Uint8Array(used.length * ENDPOINT_CONFIG_SIZE), used.length);
      return used.length;
    },
    markChanging(ids) {
      for (const id of ids) {
        const key = encodeId(codec, id);
        const value = map.lookup(key);
        if (value === undefined || word(value, ifindexOffset) === 0) continue;
        const flags = word(value, flagsOffset);
        if ((flags & Flags.ENDPOINT_CHANGING) !== 0) continue;
        setWord(value, flagsOffset, flags | Flags.ENDPOINT_CHANGING);
        map.update(key, value);
      }
    },
    list() {
      const rows: EndpointConfigRow[] = [];
      for (const [key, value] of map.entries({ batchSize: LIST_BATCH })) {
        // Nearly all of the 65,536 slots are unused.
        if (word(value, ifindexOffset) === 0) continue;
        const row = decodeConfig(word(key, 0), value);
        if (row !== undefined) rows.push(row);
      }
      return rows;
    },
  };
}

function word(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
}

function setWord(bytes: Uint8Array, offset: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(offset, value, true);
}

function encodeId(codec: RowCodec<EndpointConfigRow, Key>, id: number): Uint8Array {
  const key = new Uint8Array(4);
  codec.encodeKey({ id }, key, 0);
  return key;
}

function codecFor(size: number): RowCodec<EndpointConfigRow, Key> {
  return {
    encodeKey({ id }, into, offset) {
      if (!Number.isInteger(id) || id < 1 || id >= size) {
        throw new DatapathError(`Cannot use endpoint id "${id}": 1 to ${size - 1} expected`);
      }
      new DataView(into.buffer, into.byteOffset).setUint32(offset, id, true);
    },
    encodeValue: encodeConfig,
    decode: () => undefined,
  };
}

function encodeConfig(row: EndpointConfigRow, into: Uint8Array, offset: number): void {
  const flags =
    (row.enforceIngress ? Flags.ENDPOINT_ENFORCE_INGRESS : 0) |
    (row.enforceEgress ? Flags.ENDPOINT_ENFORCE_EGRESS : 0) |
    (row.audit ? Flags.ENDPOINT_AUDIT : 0) |
    (row.ready ? Flags.ENDPOINT_READY : 0) |
    (row.neighborsPass === true ? Flags.ENDPOINT_NEIGHBORS_PASS : 0) |
    (row.byStack === true ? Flags.ENDPOINT_BY_STACK : 0) |
    (row.anySource === true ? Flags.ENDPOINT_ANY_SOURCE : 0) |
    (row.monitor === undefined ? 0 : encodeOwnMonitor(row.monitor)) |
    (row.ipvlan === true ? Flags.ENDPOINT_IPVLAN : 0) |
    (row.changing === true ? Flags.ENDPOINT_CHANGING : 0);
  const config = {
    mac: macToBytes(row.mac),
    nodeMac: macToBytes(row.nodeMac),
    ifindex: row.ifindex,
    ipv4: row.ipv4 === undefined ? 0 : Number(ipToBigInt(row.ipv4)),
    ipv6: row.ipv6 === undefined ? new Uint8Array(16) : ipToBytes(row.ipv6),
    identity: row.identity,
    ingressSet: row.ingressSet,
    egressSet: row.egressSet,
    policyRevision: row.policyRevision,
    flags,
    parentIfindex: row.parentIfindex ?? 0,
  };
  encodeEndpointConfig(config, into, offset);
}

function decodeConfig(id: number, value: Uint8Array): EndpointConfigRow | undefined {
  const config = decodeEndpointConfig(value);
  if (config.ifindex === 0) return undefined;
  const monitor = decodeOwnMonitor(config.flags);
  return {
    id,
    mac: macFromBytes(config.mac),
    nodeMac: macFromBytes(config.nodeMac),
    ifindex: config.ifindex,
    ...(config.ipv4 === 0 ? {} : { ipv4: ipFromBigInt(BigInt(config.ipv4), 4) }),
    ...(isZero(config.ipv6) ? {} : { ipv6: ipFromBytes(config.ipv6) }),
    identity: config.identity,
    ingressSet: config.ingressSet,
    egressSet: config.egressSet,
    policyRevision: config.policyRevision,
    enforceIngress: (config.flags & Flags.ENDPOINT_ENFORCE_INGRESS) !== 0,
    enforceEgress: (config.flags & Flags.ENDPOINT_ENFORCE_EGRESS) !== 0,
    audit: (config.flags & Flags.ENDPOINT_AUDIT) !== 0,
    ready: (config.flags & Flags.ENDPOINT_READY) !== 0,
    ...((config.flags & Flags.ENDPOINT_NEIGHBORS_PASS) !== 0 && { neighborsPass: true }),
    ...((config.flags & Flags.ENDPOINT_BY_STACK) !== 0 && { byStack: true }),
    ...((config.flags & Flags.ENDPOINT_IPVLAN) !== 0 && { ipvlan: true }),
    ...(config.parentIfindex !== 0 && { parentIfindex: config.parentIfindex }),
    ...(monitor !== undefined && { monitor }),
    ...((config.flags & Flags.ENDPOINT_ANY_SOURCE) !== 0 && { anySource: true as const }),
    ...((config.flags & Flags.ENDPOINT_CHANGING) !== 0 && { changing: true as const }),
  };
}
