// SPDX-License-Identifier: Apache-2.0
// Load-time constants: variables of .rodata are set by name before the verifier sees the programs.
import { memoryView, readBytes } from "../ffi.ts";
import { dataSections, type Variable } from "./btf.ts";
import { libbpf } from "./libbpf.ts";
import type { MapHandle } from "./object-maps.ts";

export type RodataValues = Readonly<Record<string, Uint8Array | number | bigint>>;

/** Writes the initial values of an object that is open, not yet loaded. */
export function writeRodata(object: bigint, maps: readonly MapHandle[], values: RodataValues, name: string): void {
  const variables = rodataVariables(object, maps, name);
  for (const [key, value] of Object.entries(values)) {
    const place = variables.get(key);
    if (place === undefined) throw new Error(`Cannot set "${key}" in object "${name}": no such variable in .rodata`);
    place.memory.set(valueBytes(key, value, place.variable.size), place.variable.offset);
  }
}

interface Place {
  readonly memory: Uint8Array;
  readonly variable: Variable;
}

function rodataVariables(object: bigint, maps: readonly MapHandle[], name: string): Map<string, Place> {
  const sections = dataSections(rawBtf(object, name));
  const places = new Map<string, Place>();
  for (const [section, handle] of maps) {
    if (!section.startsWith(".rodata")) continue;
    const size = new BigUint64Array(1);
    const address = libbpf().mapInitialValue(handle, size);
    if (address === null) continue;
    const memory = new Uint8Array(memoryView(Number(address), Number(size[0])));
    for (const variable of sections.get(section) ?? []) places.set(variable.name, { memory, variable });
  }
  return places;
}

/** The object's BTF after libbpf filled in the offsets of data sections. */
function rawBtf(object: bigint, name: string): Uint8Array {
  const btf = libbpf().btf(object);
  if (btf === null) throw new Error(`Cannot set variables of object "${name}": it has no BTF (compile with -g)`);
  const size = new Uint32Array(1);
  const address = libbpf().btfRawData(btf, size);
  if (address === null) throw new Error(`Cannot read BTF of object "${name}"`);
  return readBytes(Number(address), size[0] ?? 0);
}

function valueBytes(name: string, value: Uint8Array | number | bigint, size: number): Uint8Array {
  if (value instanceof Uint8Array) {
    if (value.length === size) return value;
    throw new RangeError(`Cannot set "${name}": ${value.length} bytes given, the variable has ${size}`);
  }
  if (size > 8) throw new RangeError(`Cannot set "${name}" to a number: it has ${size} bytes`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
  const rest = BigInt.asUintN(size * 8, BigInt(value));
  if (rest !== BigInt(value) && BigInt.asIntN(size * 8, BigInt(value)) !== BigInt(value)) {
    throw new RangeError(`Cannot set "${name}" to ${value}: it has ${size} bytes`);
  }
  return bytes.subarray(0, size);
}
