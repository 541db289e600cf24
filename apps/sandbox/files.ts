// SPDX-License-Identifier: Apache-2.0
// JSON files that are whole or not there.
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { replaceFile } from "../../src/core/index.ts";

/** Writes beside and renames, so that no reader (and no watcher of *.json) ever sees a part. */
export function writeJson(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true });
  replaceFile(path, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o640, shared: true });
}

/** The value, as its writer (this program) typed it; undefined when there is no such file. */
export function readJson<T>(path: string): T | undefined {
  const text = readIfThere(path);
  return text === undefined ? undefined : (JSON.parse(text) as T);
}

export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Names in a folder, sorted; none when it is not there. */
export function listFolder(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}
