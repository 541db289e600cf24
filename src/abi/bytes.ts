// SPDX-License-Identifier: Apache-2.0
// Byte array fields of the generated codecs.

/** Copies a field's bytes; fewer than `size` leave the rest as it is. Throws RangeError when there are more. */
export function copyBytes(from: Uint8Array, size: number, into: Uint8Array, offset: number): void {
  if (from.length > size) throw new RangeError(`Cannot encode field: ${from.length} bytes for ${size}`);
  into.set(from, offset);
}
