// SPDX-License-Identifier: Apache-2.0
// Files that others write, read whole.
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { CiliumError } from "./errors.ts";

/**
 * The text of a regular file, which may be behind a link. Never waits, as reading a named pipe would. Throws CiliumError
 * for what is no file or larger than `maxBytes`, and the system's own errors (ENOENT, …).
 */
export function readTextFile(path: string, maxBytes: number): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new CiliumError(`Cannot use ${path}: not a regular file`);
    if (stat.size > maxBytes) {
      throw new CiliumError(`Cannot use ${path}: ${stat.size} bytes, expected at most ${maxBytes}`);
    }
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}
