// SPDX-License-Identifier: Apache-2.0
// Compares the structs of a compiled object with the layout that the codecs were generated for.
import { btfSize, parseBtf } from "./btf.ts";
import { abiLayout } from "./layout.gen.ts";

/** Size of a struct and place and size of each of its fields, in bytes. */
export interface StructLayout {
  readonly size: number;
  readonly members: Readonly<Record<string, readonly [offset: number, size: number]>>;
}

/** Thrown when an object was compiled from other headers than the codecs were generated from. */
export class AbiMismatchError extends Error {
  override readonly name = "AbiMismatchError";
}

/**
 * Compares each struct of `layout` that the `.BTF` section knows; returns the names compared.
 * Throws AbiMismatchError naming the first field that differs.
 */
export function checkAbi(
  btf: Uint8Array,
  layout: Readonly<Record<string, StructLayout>> = abiLayout,
): readonly string[] {
  const types = parseBtf(btf);
  const compared: string[] = [];
  for (const type of types) {
    if (type.kind !== "struct") continue;
    const expected = Object.hasOwn(layout, type.name) ? layout[type.name] : undefined;
    if (expected === undefined) continue;
    const found = new Map(type.members.map((member) => [member.name, [member.offset, btfSize(types, member.type)]]));
    compareStruct(type.name, expected, type.size, found);
    compared.push(type.name);
  }
  return compared;
}

function compareStruct(
  name: string,
  expected: StructLayout,
  size: number,
  found: ReadonlyMap<string, readonly (number | undefined)[]>,
): void {
  const fail = (what: string) => {
    throw new AbiMismatchError(
      `Cannot use object: struct "${name}" ${what} (run tools/abi-gen.ts and build the objects again)`,
    );
  };
  for (const [field, [offset, length]] of Object.entries(expected.members)) {
    const place = found.get(field);
    if (place === undefined) fail(`has no field "${field}"`);
    else if (place[0] !== offset || place[1] !== length) {
      fail(`has field "${field}" at ${place[0]} with ${place[1]} bytes, expected ${offset} with ${length}`);
    }
  }
  for (const field of found.keys()) if (!Object.hasOwn(expected.members, field)) fail(`has unknown field "${field}"`);
  if (size !== expected.size) fail(`has ${size} bytes, expected ${expected.size}`);
}
