// SPDX-License-Identifier: Apache-2.0
// BPF maps: one FFI call for each access, with attribute, key and value memory that the map keeps.
import { basename } from "node:path";
import { possibleCpus } from "../cpus.ts";
import { Errno } from "../errno.ts";
import { SyscallError } from "../errors.ts";
import { Fd, orClose } from "../fd.ts";
import { Mapping, PAGE_SIZE } from "../mapping.ts";
import { deleteBatch, mapEntries, updateBatch } from "./map-batch.ts";
import { isPerCpu, MapFlag, type MapType, mapTypeName, mapTypeNumber } from "./map-type.ts";
import {
  BpfAttr,
  BpfCommand,
  type BpfCommandName,
  bpf,
  bpfChecked,
  fdById,
  ids,
  infoName,
  objectInfo,
  openPinnedFd,
  pinFd,
} from "./syscall.ts";

export interface MapSpec {
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** MapFlag bits; an LPM trie always gets BPF_F_NO_PREALLOC. */
  readonly flags?: number;
  /** The kernel keeps 15 characters of it. */
  readonly name?: string;
  /** Template of the inner maps (array_of_maps, hash_of_maps). */
  readonly inner?: BpfMap;
}

export type UpdateMode = "any" | "noexist" | "exist";
const UPDATE_MODES = { any: 0, noexist: 1, exist: 2 } as const;

/** An open map. Not for several worker threads: its memory for keys and values is shared by all calls. */
export class BpfMap implements Disposable {
  readonly fd: Fd;
  readonly id: number;
  readonly name: string;
  readonly type: MapType;
  readonly keySize: number;
  readonly valueSize: number;
  /** Bytes of a value in user space: per-CPU maps hold one slot of roundUp8(valueSize) a possible CPU. */
  readonly valueBytes: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly #attr = new BpfAttr(32);
  readonly #key: Uint8Array;
  readonly #value: Uint8Array;

  private constructor(fd: Fd, name?: string) {
    const info = objectInfo(fd, 80);
    this.fd = fd;
    this.type = mapTypeName(info.getUint32(0, true));
    this.id = info.getUint32(4, true);
    this.keySize = info.getUint32(8, true);
    this.valueSize = info.getUint32(12, true);
    this.maxEntries = info.getUint32(16, true);
    this.flags = info.getUint32(20, true);
    this.name = name ?? infoName(info, 24);
    this.valueBytes = isPerCpu(this.type) ? ((this.valueSize + 7) & ~7) * possibleCpus() : this.valueSize;
    const memory = new ArrayBuffer(this.keySize + this.valueBytes + 8);
    this.#key = new Uint8Array(memory, 0, this.keySize);
    this.#value = new Uint8Array(memory, (this.keySize + 7) & ~7, this.valueBytes);
    this.#attr.u32(0, fd.value).pointer(8, this.#key).pointer(16, this.#value);
  }

  /** Takes over `fd`; `name` overrides the kernel's shortened one. */
  static own(fd: Fd, name?: string): BpfMap {
    return orClose(fd, () => new BpfMap(fd, name));
  }

  /** BPF_MAP_CREATE. */
  static create(spec: MapSpec): BpfMap {
    const name = spec.name ?? "";
    const flags = (spec.flags ?? 0) | (spec.type === "lpm_trie" ? MapFlag.BPF_F_NO_PREALLOC : 0);
    const attr = new BpfAttr(72)
      .u32(0, mapTypeNumber(spec.type))
      .u32(4, spec.keySize)
      .u32(8, spec.valueSize)
      .u32(12, spec.maxEntries)
      .u32(16, flags)
      .u32(20, spec.inner?.fd.value ?? 0)
      .name(28, name);
    const fd = bpfChecked("BPF_MAP_CREATE", attr, `Cannot create ${spec.type} map "${name}"`);
    return BpfMap.own(Fd.own(fd, `map "${name}"`), spec.name);
  }

  /** BPF_OBJ_GET. The map goes by the pin's name, as the kernel's is cut. Throws ENOENT when nothing is there. */
  static openPinned(path: string): BpfMap {
    return BpfMap.own(openPinnedFd(path, "map"), basename(path));
  }

  /** BPF_MAP_GET_FD_BY_ID. */
  static fromId(id: number): BpfMap {
    return BpfMap.own(fdById("BPF_MAP_GET_FD_BY_ID", id, "map"));
  }

  /** BPF_MAP_LOOKUP_ELEM: a fresh copy of the value. */
  lookup(key: Uint8Array): Uint8Array | undefined {
    return this.#lookup(key) ? this.#value.slice() : undefined;
  }

  /** As lookup(), into the caller's `value`; false when there is no such key. */
  lookupInto(key: Uint8Array, value: Uint8Array): boolean {
    if (!this.#lookup(key)) return false;
    value.set(this.#value);
    return true;
  }

  #lookup(key: Uint8Array): boolean {
    this.#setKey(key);
    this.#attr.view.setUint32(24, 0, true);
    const result = bpf(BpfCommand.BPF_MAP_LOOKUP_ELEM, this.#attr);
    if (result === 0) return true;
    if (result === -Errno.ENOENT) return false;
    throw this.#failure("BPF_MAP_LOOKUP_ELEM", result, "look up an entry in");
  }

  /** BPF_MAP_UPDATE_ELEM. E2BIG or ENOSPC when full; EEXIST and ENOENT by the mode. */
  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode = "any"): void {
    this.#setKey(key);
    if (value.length !== this.valueBytes) this.#wrongSize("value", value.length, this.valueBytes);
    this.#value.set(value);
    this.#attr.view.setUint32(24, UPDATE_MODES[mode], true);
    const result = bpf(BpfCommand.BPF_MAP_UPDATE_ELEM, this.#attr);
    if (result !== 0) throw this.#failure("BPF_MAP_UPDATE_ELEM", result, "write an entry of");
  }

  /** BPF_MAP_DELETE_ELEM; false when there was no such key. */
  delete(key: Uint8Array): boolean {
    this.#setKey(key);
    // Only up to the key: the value's address must be zero here.
    const result = bpf(BpfCommand.BPF_MAP_DELETE_ELEM, this.#attr, 16);
    if (result === 0) return true;
    if (result === -Errno.ENOENT) return false;
    throw this.#failure("BPF_MAP_DELETE_ELEM", result, "delete an entry of");
  }

  /** BPF_MAP_UPDATE_BATCH; keys and values stand one behind the other. On failure the first ones may be written. */
  updateBatch(keys: Uint8Array, values: Uint8Array, count: number, mode: UpdateMode = "any"): void {
    if (count === 0) return;
    if (keys.length < count * this.keySize) this.#wrongSize("keys", keys.length, count * this.keySize);
    if (values.length < count * this.valueBytes) this.#wrongSize("values", values.length, count * this.valueBytes);
    const failed = updateBatch(this, { keys, values, count }, UPDATE_MODES[mode]);
    if (failed === "unsupported") {
      for (let i = 0; i < count; i++)
        this.update(this.#nth(keys, i, this.keySize), this.#nth(values, i, this.valueBytes), mode);
    } else if (failed !== undefined) {
      throw this.#failure("BPF_MAP_UPDATE_BATCH", -failed.errno, `write entry ${failed.index} of ${count} of`);
    }
  }

  /** BPF_MAP_DELETE_BATCH; returns how many there were, missing ones are skipped. */
  deleteBatch(keys: Uint8Array, count: number): number {
    if (keys.length < count * this.keySize) this.#wrongSize("keys", keys.length, count * this.keySize);
    const result = deleteBatch(this, keys, count);
    if (typeof result === "number") return result;
    if (result !== "unsupported") throw this.#failure("BPF_MAP_DELETE_BATCH", -result.errno, "delete entries of");
    let deleted = 0;
    for (let i = 0; i < count; i++) if (this.delete(this.#nth(keys, i, this.keySize))) deleted++;
    return deleted;
  }

  /** All entries, read in batches; what changes meanwhile may be missed or seen twice. The arrays are the caller's. */
  entries(options: { batchSize?: number } = {}): Generator<[key: Uint8Array, value: Uint8Array]> {
    return mapEntries(this, options.batchSize ?? 1024);
  }

  *keys(): Generator<Uint8Array> {
    for (const [key] of this.entries()) yield key;
  }

  /** Deletes all entries that are there now; returns how many. */
  clear(): number {
    const keys = [...this.keys()];
    return this.deleteBatch(Buffer.concat(keys), keys.length);
  }

  /** BPF_MAP_FREEZE: no writes from user space any more. */
  freeze(): void {
    bpfChecked("BPF_MAP_FREEZE", new BpfAttr(16).u32(0, this.fd.value), `Cannot freeze map "${this.name}"`);
  }

  /** BPF_OBJ_PIN. */
  pin(path: string): void {
    pinFd(this.fd, path);
  }

  /** The values of an array made with BPF_F_MMAPABLE (each rounded up to 8 bytes), read and written without calls. */
  mapMemory(): Mapping {
    const length = this.maxEntries * ((this.valueSize + 7) & ~7);
    return Mapping.of(this.fd, { length: Math.ceil(length / PAGE_SIZE) * PAGE_SIZE, offset: 0, writable: true });
  }

  dup(): BpfMap {
    return BpfMap.own(this.fd.dup(), this.name);
  }

  close(): void {
    this.#attr.u32(0, 0xffffffff);
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #nth(all: Uint8Array, index: number, size: number): Uint8Array {
    return all.subarray(index * size, (index + 1) * size);
  }

  #setKey(key: Uint8Array): void {
    if (key.length !== this.keySize) this.#wrongSize("key", key.length, this.keySize);
    this.#key.set(key);
  }

  #wrongSize(what: string, found: number, wanted: number): never {
    throw new RangeError(`Cannot use ${what} of ${found} bytes with map "${this.name}": ${wanted} bytes expected`);
  }

  #failure(call: BpfCommandName, result: number, what: string): SyscallError {
    const hint =
      result === -Errno.E2BIG || result === -Errno.ENOSPC ? `holds at most ${this.maxEntries} entries` : undefined;
    return new SyscallError({ call: `bpf(${call})`, errno: -result, what: `Cannot ${what} map "${this.name}"`, hint });
  }
}

/** Ids of all maps in the kernel. */
export function mapIds(): Generator<number> {
  return ids("BPF_MAP_GET_NEXT_ID");
}
