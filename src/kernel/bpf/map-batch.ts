// SPDX-License-Identifier: Apache-2.0
// Batched access to maps, and what takes its place where a kernel or a map type has no batches.
import { Errno } from "../errno.ts";
import { SyscallError } from "../errors.ts";
import type { Fd } from "../fd.ts";
import { BpfAttr, BpfCommand, bpf } from "./syscall.ts";

/** What the functions here need of a map. */
export interface MapHandle {
  readonly fd: Fd;
  readonly name: string;
  readonly keySize: number;
  readonly valueBytes: number;
  readonly maxEntries: number;
}

/** Keys and values, each one behind the other. */
export interface MapRows {
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
  readonly count: number;
}

export interface BatchFailure {
  readonly errno: number;
  readonly index: number;
}

const BATCH_SIZE = 56;

function unsupported(result: number): boolean {
  return result === -Errno.EINVAL || result === -Errno.ENOTSUPP || result === -Errno.EOPNOTSUPP;
}

/** BPF_MAP_UPDATE_BATCH. Undefined when all were written. */
export function updateBatch(map: MapHandle, rows: MapRows, mode: number): BatchFailure | "unsupported" | undefined {
  const attr = new BpfAttr(BATCH_SIZE)
    .pointer(16, rows.keys)
    .pointer(24, rows.values)
    .u32(32, rows.count)
    .u32(36, map.fd.value)
    .u64(40, mode);
  const result = bpf(BpfCommand.BPF_MAP_UPDATE_BATCH, attr);
  if (result >= 0) return undefined;
  return unsupported(result) ? "unsupported" : { errno: -result, index: attr.getU32(32) };
}

/** BPF_MAP_DELETE_BATCH: how many were deleted. The kernel stops at a missing key; we go on behind it. */
export function deleteBatch(map: MapHandle, keys: Uint8Array, count: number): BatchFailure | "unsupported" | number {
  let next = 0;
  let deleted = 0;
  while (next < count) {
    const attr = new BpfAttr(BATCH_SIZE)
      .pointer(16, keys.subarray(next * map.keySize))
      .u32(32, count - next)
      .u32(36, map.fd.value);
    const result = bpf(BpfCommand.BPF_MAP_DELETE_BATCH, attr);
    if (result >= 0) return deleted + count - next;
    if (result !== -Errno.ENOENT) return unsupported(result) ? "unsupported" : { errno: -result, index: next };
    const done = attr.getU32(32);
    deleted += done;
    next += done + 1;
  }
  return deleted;
}

/** BPF_MAP_LOOKUP_BATCH over the whole map, or BPF_MAP_GET_NEXT_KEY where that is missing. */
export function* mapEntries(map: MapHandle, batchSize: number): Generator<[Uint8Array, Uint8Array]> {
  // A hash map's position is a u32, that of the others a key.
  const position = new Uint8Array(new ArrayBuffer(Math.max(map.keySize, 8)));
  let size = Math.min(batchSize, map.maxEntries);
  let first = true;
  // What is deleted under our feet can lead some map types back to their start: bound the walk.
  for (let seen = 0; seen <= 2 * map.maxEntries; ) {
    const keys = new Uint8Array(new ArrayBuffer(size * map.keySize));
    const values = new Uint8Array(new ArrayBuffer(size * map.valueBytes));
    const attr = new BpfAttr(BATCH_SIZE)
      .pointer(8, position)
      .pointer(16, keys)
      .pointer(24, values)
      .u32(32, size)
      .u32(36, map.fd.value);
    if (!first) attr.pointer(0, position);
    const result = bpf(BpfCommand.BPF_MAP_LOOKUP_BATCH, attr);
    if (result === -Errno.ENOSPC) {
      // One bucket holds more than the batch has room for.
      size *= 2;
      continue;
    }
    if (first && unsupported(result)) {
      yield* walkEntries(map);
      return;
    }
    if (result < 0 && result !== -Errno.ENOENT) {
      throw new SyscallError({
        call: "bpf(BPF_MAP_LOOKUP_BATCH)",
        errno: -result,
        what: `Cannot read map "${map.name}"`,
      });
    }
    const count = attr.getU32(32);
    for (let i = 0; i < count; i++) yield entryAt(map, keys, values, i);
    if (result === -Errno.ENOENT) return;
    seen += count;
    first = false;
  }
}

function entryAt(map: MapHandle, keys: Uint8Array, values: Uint8Array, index: number): [Uint8Array, Uint8Array] {
  return [
    keys.subarray(index * map.keySize, (index + 1) * map.keySize),
    values.subarray(index * map.valueBytes, (index + 1) * map.valueBytes),
  ];
}

function* walkEntries(map: MapHandle): Generator<[Uint8Array, Uint8Array]> {
  let key: Uint8Array | undefined;
  for (let seen = 0; seen <= 2 * map.maxEntries; seen++) {
    const next = nextKey(map, key);
    if (next === undefined) return;
    const value = new Uint8Array(new ArrayBuffer(map.valueBytes));
    const attr = new BpfAttr(32).u32(0, map.fd.value).pointer(8, next).pointer(16, value);
    const result = bpf(BpfCommand.BPF_MAP_LOOKUP_ELEM, attr);
    if (result === 0) yield [next, value];
    else if (result !== -Errno.ENOENT) {
      throw new SyscallError({
        call: "bpf(BPF_MAP_LOOKUP_ELEM)",
        errno: -result,
        what: `Cannot read map "${map.name}"`,
      });
    }
    key = next;
  }
}

/** BPF_MAP_GET_NEXT_KEY; undefined asks for the first, and is the answer behind the last. */
function nextKey(map: MapHandle, key: Uint8Array | undefined): Uint8Array | undefined {
  const next = new Uint8Array(new ArrayBuffer(map.keySize));
  const attr = new BpfAttr(32).u32(0, map.fd.value).pointer(16, next);
  if (key !== undefined) attr.pointer(8, key);
  const result = bpf(BpfCommand.BPF_MAP_GET_NEXT_KEY, attr);
  if (result === -Errno.ENOENT) return undefined;
  if (result < 0) {
    throw new SyscallError({
      call: "bpf(BPF_MAP_GET_NEXT_KEY)",
      errno: -result,
      what: `Cannot read map "${map.name}"`,
    });
  }
  return next;
}
