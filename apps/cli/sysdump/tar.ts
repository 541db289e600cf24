// SPDX-License-Identifier: Apache-2.0
// Writes tar archives (POSIX ustar): plain files alone.
import { CiliumError } from "../../../src/core/index.ts";

const block = 512;

/** The entry of one file: header, bytes, padding. `mtime` in seconds. Throws CiliumError for a path that is too long. */
export function tarEntry(path: string, bytes: Uint8Array, mtime: number): Buffer {
  const [prefix, name] = splitPath(path);
  const header = Buffer.alloc(block);
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, "0")}\0`;
  header.write(name, 0);
  header.write(octal(0o600, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(bytes.length, 12), 124);
  header.write(octal(mtime, 12), 136);
  // The checksum counts itself as blanks.
  header.write(" ".repeat(8), 148);
  header.write("0", 156);
  header.write("ustar\0" + "00", 257);
  header.write("root", 265);
  header.write("root", 297);
  header.write(prefix, 345);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((block - (bytes.length % block)) % block)]);
}

/** What ends an archive. */
export const tarEnd: Buffer = Buffer.alloc(2 * block);

/** A path of over 100 bytes stands in two fields, parted at a slash. */
function splitPath(path: string): readonly [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ["", path];
  const slash = path.lastIndexOf("/");
  const [prefix, name] = [path.slice(0, Math.max(0, slash)), path.slice(slash + 1)];
  if (Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return [prefix, name];
  throw new CiliumError(`Cannot archive "${path}": its path is too long`);
}
