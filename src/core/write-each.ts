// SPDX-License-Identifier: Apache-2.0
// Writing rows to a map that may be full: those that fit are written, whatever becomes of the others.
import { toError } from "./errors.ts";

/** Writes all at once, and if that fails each by itself. Returns those that failed, by key, with why. */
export function writeEach<Row, Key>(
  rows: readonly Row[],
  keyOf: (row: Row) => Key,
  write: (rows: readonly Row[]) => void,
): Map<Key, Error> {
  const failed = new Map<Key, Error>();
  if (rows.length === 0) return failed;
  try {
    write(rows);
    return failed;
  } catch (thrown) {
    if (rows.length === 1 && rows[0] !== undefined) return failed.set(keyOf(rows[0]), toError(thrown));
  }
  for (const row of rows) {
    try {
      write([row]);
    } catch (thrown) {
      failed.set(keyOf(row), toError(thrown));
    }
  }
  return failed;
}
