// SPDX-License-Identifier: Apache-2.0
// Declarations of Go structs with plain fields.
import { gobSigned, gobUnsigned } from "./numbers.ts";

/** The message that declares a struct type; `fields` with the ids of gob's basic types. */
export function encodeStructDefinition(
  id: number,
  name: string,
  fields: readonly (readonly [name: string, typeId: number])[],
): Uint8Array {
  const body = [
    ...gobSigned(-id),
    3, // wireType, field 2: StructT
    1, // StructT, field 0: CommonType
    ...[1, ...gobText(name), 1, ...gobSigned(id), 0],
    ...[1, fields.length], // StructT, field 1: the fields
    ...fields.flatMap(([field, type]) => [1, ...gobText(field), 1, ...gobSigned(type), 0]),
    0,
    0,
  ];
  return Uint8Array.from([...gobUnsigned(body.length), ...body]);
}

/** Length and bytes of a text. */
export function gobText(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...gobUnsigned(bytes.length), ...bytes];
}
