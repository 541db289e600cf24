// SPDX-License-Identifier: Apache-2.0
// A BPF map as a map of rows: encodes into one buffer and moves it with one batched call.
import type { BpfMap } from "../../kernel/index.ts";
import type { RowMap } from "./types.ts";

/** How rows look as bytes; writers put exactly keySize and valueSize bytes at the offset. */
export interface RowCodec<Row, Key> {
  encodeKey(key: Key, into: Uint8Array, offset: number): void;
  encodeValue(row: Row, into: Uint8Array, offset: number): void;
  /** Undefined leaves the entry out. */
  decode(key: Uint8Array, value: Uint8Array): Row | undefined;
}

/** Rows over one map; the map stays the caller's. */
export function createRowMap<Row extends Key, Key>(map: BpfMap, codec: RowCodec<Row, Key>): RowMap<Row, Key> {
  return {
    upsertMany(rows) {
      upsertRows(map, codec, rows);
    },
    deleteMany(keys) {
      return deleteRows(map, codec, keys);
    },
    list() {
      return listRows(map, codec);
    },
  };
}

/** Writes all rows. Throws SyscallError (E2BIG: the map is full); some rows may be in place then. */
export function upsertRows<Row extends Key, Key>(map: BpfMap, codec: RowCodec<Row, Key>, rows: readonly Row[]): void {
  if (rows.length === 0) return;
  const keys = packKeys(map, codec, rows);
  const values = new Uint8Array(rows.length * map.valueSize);
  for (const [index, row] of rows.entries()) codec.encodeValue(row, values, index * map.valueSize);
  map.updateBatch(keys, values, rows.length);
}

/** Deletes all keys; returns how many were there. */
export function deleteRows<Key>(
  map: BpfMap,
  codec: Pick<RowCodec<never, Key>, "encodeKey">,
  keys: readonly Key[],
): number {
  if (keys.length === 0) return 0;
  return map.deleteBatch(packKeys(map, codec, keys), keys.length);
}

/** Every row of the map. */
export function listRows<Row, Key>(map: BpfMap, codec: RowCodec<Row, Key>): Row[] {
  const rows: Row[] = [];
  for (const [key, value] of map.entries()) {
    const row = codec.decode(key, value);
    if (row !== undefined) rows.push(row);
  }
  return rows;
}

function packKeys<Key>(map: BpfMap, codec: Pick<RowCodec<never, Key>, "encodeKey">, keys: readonly Key[]): Uint8Array {
  const packed = new Uint8Array(keys.length * map.keySize);
  for (const [index, key] of keys.entries()) codec.encodeKey(key, packed, index * map.keySize);
  return packed;
}
