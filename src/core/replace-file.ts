// SPDX-License-Identifier: Apache-2.0
// Files that are whole or not there: whoever reads sees the old content or the new one, never a part.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

export interface ReplaceFileOptions {
  /** Of a file that is new; 0600 when left out. */
  readonly mode?: number;
  /** On return the content is on disk, so that losing power does not lose it either. */
  readonly durable?: boolean;
  /** Other processes may replace the same file at the same time; the last one wins. */
  readonly shared?: boolean;
}

/**
 * Writes `.NAME.tmp` beside the file and renames it over the file. Throws the file system's error; the file is as it was
 * before then, unless only its folder could not be brought to disk. The folder must be there.
 */
export function replaceFile(path: string, content: string | Uint8Array, options: ReplaceFileOptions = {}): void {
  const { mode = 0o600, durable = false, shared = false } = options;
  const temporary = join(dirname(path), `.${basename(path)}${shared ? `.${process.pid}` : ""}.tmp`);
  const file = openSync(temporary, "w", mode);
  try {
    writeFileSync(file, content, { flush: durable });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
  if (durable) syncFolder(dirname(path));
}

/** The new name is in the folder, which goes to disk by itself. */
function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } catch (error) {
    // File systems that cannot do it for folders (FUSE, CIFS) say EINVAL.
    if ((error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
  } finally {
    closeSync(folder);
  }
}
