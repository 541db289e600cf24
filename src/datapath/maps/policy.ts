// SPDX-License-Identifier: Apache-2.0
// Policy sets over cilium_policy_v2_exact and cilium_policy_v2_prefix.
import type { BpfMap } from "../../kernel/index.ts";
import { decodeExact, decodePrefix, encodeKey, encodeValue, isExact, setOfKey } from "./policy-codec.ts";
import type { PolicyMap, PolicyMapEntry, PolicyMapKey, PolicyMapRow } from "./types.ts";

/** Keys of one set in each map; a string holds the key's bytes, one a character. */
interface SetKeys {
  readonly exact: Set<string>;
  readonly prefix: Set<string>;
}

/** Sets over the two maps. Keys of each set are remembered, so that a change costs no scan; one writer at a time. */
export function createPolicyMap(exact: BpfMap, prefix: BpfMap): PolicyMap {
  return new PolicySets(exact, prefix);
}

class PolicySets implements PolicyMap {
  readonly #exact: BpfMap;
  readonly #prefix: BpfMap;
  /** Read from the maps at the first write. */
  #index: Map<number, SetKeys> | undefined;

  constructor(exact: BpfMap, prefix: BpfMap) {
    this.#exact = exact;
    this.#prefix = prefix;
  }

  writeSet(set: number, entries: readonly PolicyMapEntry[]): void {
    const before = this.#keys(set);
    const wanted = this.#put(set, entries);
    this.#drop(
      set,
      [...before.exact].filter((key) => !wanted.exact.has(key)),
      [...before.prefix].filter((key) => !wanted.prefix.has(key)),
    );
  }

  addEntries(set: number, entries: readonly PolicyMapEntry[]): void {
    this.#put(set, entries);
  }

  removeEntries(set: number, keys: readonly PolicyMapKey[]): number {
    const exact: string[] = [];
    const prefix: string[] = [];
    for (const key of keys) (isExact(key) ? exact : prefix).push(toText(encodeKey(set, key)));
    return this.#drop(set, exact, prefix);
  }

  deleteSet(set: number): number {
    const { exact, prefix } = this.#keys(set);
    return this.#drop(set, [...exact], [...prefix]);
  }

  list(set?: number): PolicyMapRow[] {
    const rows: PolicyMapRow[] = [];
    const wanted = (key: Uint8Array) => set === undefined || setOfKey(key) === set;
    for (const [key, value] of this.#exact.entries()) if (wanted(key)) rows.push(decodeExact(key, value));
    for (const [key, value] of this.#prefix.entries()) if (wanted(key)) rows.push(decodePrefix(key, value));
    return rows;
  }

  sets(): number[] {
    return [...this.#load().keys()].sort((a, b) => a - b);
  }

  /** Writes entries; a key given twice takes its last entry. Returns their keys. */
  #put(set: number, entries: readonly PolicyMapEntry[]): SetKeys {
    const exact = new Map<string, PolicyMapEntry>();
    const prefix = new Map<string, PolicyMapEntry>();
    for (const entry of entries) (isExact(entry) ? exact : prefix).set(toText(encodeKey(set, entry)), entry);
    const known = this.#keys(set);
    // Remembered before the write: should it fail half-way, deleteSet still finds what is there.
    if (entries.length > 0) this.#load().set(set, known);
    for (const key of exact.keys()) known.exact.add(key);
    for (const key of prefix.keys()) known.prefix.add(key);
    write(this.#exact, exact);
    write(this.#prefix, prefix);
    return { exact: new Set(exact.keys()), prefix: new Set(prefix.keys()) };
  }

  #drop(set: number, exact: readonly string[], prefix: readonly string[]): number {
    const deleted = remove(this.#exact, exact) + remove(this.#prefix, prefix);
    const known = this.#keys(set);
    for (const key of exact) known.exact.delete(key);
    for (const key of prefix) known.prefix.delete(key);
    if (known.exact.size + known.prefix.size === 0) this.#load().delete(set);
    return deleted;
  }

  #keys(set: number): SetKeys {
    return this.#load().get(set) ?? emptyKeys();
  }

  #load(): Map<number, SetKeys> {
    if (this.#index !== undefined) return this.#index;
    const index = new Map<number, SetKeys>();
    const note = (key: Uint8Array, kind: keyof SetKeys) => {
      const set = setOfKey(key);
      const keys = index.get(set) ?? emptyKeys();
      keys[kind].add(toText(key));
      index.set(set, keys);
    };
    for (const key of this.#exact.keys()) note(key, "exact");
    for (const key of this.#prefix.keys()) note(key, "prefix");
    this.#index = index;
    return index;
  }
}

function emptyKeys(): SetKeys {
  return { exact: new Set(), prefix: new Set() };
}

function write(map: BpfMap, entries: ReadonlyMap<string, PolicyMapEntry>): void {
  if (entries.size === 0) return;
  const values = new Uint8Array(entries.size * map.valueSize);
  let index = 0;
  for (const entry of entries.values()) values.set(encodeValue(entry), index++ * map.valueSize);
  map.updateBatch(pack(map, [...entries.keys()]), values, entries.size);
}

function remove(map: BpfMap, keys: readonly string[]): number {
  return keys.length === 0 ? 0 : map.deleteBatch(pack(map, keys), keys.length);
}

function pack(map: BpfMap, keys: readonly string[]): Uint8Array {
  const packed = new Uint8Array(keys.length * map.keySize);
  for (const [index, key] of keys.entries()) packed.set(Buffer.from(key, "latin1"), index * map.keySize);
  return packed;
}

function toText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}
