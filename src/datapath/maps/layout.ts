// SPDX-License-Identifier: Apache-2.0
// Keys and values that another build wrote, as this one reads them: each field goes where the field of its name is now.
import { abiLayout, type BtfType, btfSize, parseBtf, type StructLayout } from "../../abi/index.ts";
import { type BpfMap, isPerCpu, loadedBtf, mapTypes } from "../../kernel/index.ts";

type Bytes = Uint8Array;

/** An entry in the present layout; undefined when what it says cannot be said in it. */
export type Convert = (key: Bytes, value: Bytes) => readonly [key: Bytes, value: Bytes] | undefined;

/** BTF that was read already, by its id: maps of one object share one. */
export type KnownTypes = Map<number, readonly BtfType[]>;

/**
 * From what the map was made for (its BTF) to what the codecs know. Undefined when they are the same, and when nothing
 * can be told: a map without BTF, structs of other names.
 */
export function conversionOf(map: BpfMap, known: KnownTypes = new Map()): Convert | undefined {
  const ids = mapTypes(map);
  if (ids === undefined) return undefined;
  const types = known.get(ids.btfId) ?? parseBtf(loadedBtf(ids.btfId));
  known.set(ids.btfId, types);
  const [key, value] = [pair(types, ids.key), pair(types, ids.value)];
  if (key === undefined || value === undefined || (isSame(key) && isSame(value))) return undefined;
  const [convertKey, convertValue] = [record(...key), perCpu(map, record(...value))];
  return (oldKey, oldValue) => {
    const [newKey, newValue] = [convertKey(oldKey), convertValue(oldValue)];
    return newKey === undefined || newValue === undefined ? undefined : [newKey, newValue];
  };
}

type Pair = readonly [from: StructLayout, to: StructLayout];

/** A type that the object had and its present layout; plain numbers have one field. */
function pair(types: readonly BtfType[], id: number): Pair | undefined {
  const type = types[id];
  if (type?.kind === "typedef" || type?.kind === "modifier") return pair(types, type.type);
  if (type?.kind === "int") {
    const layout: StructLayout = { size: type.size, members: { number: [0, type.size] } };
    return [layout, layout];
  }
  if (type?.kind !== "struct") return undefined;
  const to = Object.hasOwn(abiLayout, type.name) ? abiLayout[type.name] : undefined;
  if (to === undefined) return undefined;
  const members = type.members.map((member) => [member.name, [member.offset, btfSize(types, member.type)]] as const);
  return [{ size: type.size, members: Object.fromEntries(members) }, to];
}

function isField([name]: readonly [string, unknown]): boolean {
  return !name.startsWith("pad");
}

function isSame([from, to]: Pair): boolean {
  const text = ({ size, members }: StructLayout) =>
    `${size} ${JSON.stringify(Object.entries(members).filter(isField).sort())}`;
  return text(from) === text(to);
}

/**
 * Copies fields by name. Numbers are little-endian: a wider field gets zeros behind, a narrower one must not lose
 * anything, else there is no record. New fields are zero, which means "as before"; padding is not looked at.
 */
export function record(from: StructLayout, to: StructLayout): (bytes: Bytes) => Bytes | undefined {
  const fields = Object.entries(to.members).filter(isField);
  return (bytes) => {
    const result = new Uint8Array(to.size);
    for (const [name, [at, length]] of fields) {
      const [start, old] = from.members[name] ?? [0, 0];
      const field = bytes.subarray(start, start + old);
      if (field.subarray(length).some((byte) => byte !== 0)) return undefined;
      result.set(field.subarray(0, length), at);
    }
    return result;
  };
}

/** Values of per-CPU maps stand one behind the other, each in a multiple of 8 bytes. */
function perCpu(map: BpfMap, convert: (bytes: Bytes) => Bytes | undefined): (bytes: Bytes) => Bytes | undefined {
  if (!isPerCpu(map.type)) return convert;
  const slot = (map.valueSize + 7) & ~7;
  return (bytes) => {
    const values = Array.from({ length: bytes.length / slot }, (_, n) => convert(bytes.subarray(n * slot)));
    if (values.some((value) => value === undefined)) return undefined;
    return Buffer.concat(values.map((value = new Uint8Array()) => padded(value)));
  };
}

function padded(value: Bytes): Bytes {
  const result = new Uint8Array((value.length + 7) & ~7);
  result.set(value);
  return result;
}
