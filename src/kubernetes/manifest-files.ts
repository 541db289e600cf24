// SPDX-License-Identifier: Apache-2.0
// The manifests of a folder as they were last taken: a file that goes bad keeps what it said.
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createLogger, readTextFile, toError } from "../core/index.ts";
import { LastGood } from "./last-good.ts";
import { parseManifests } from "./manifest.ts";
import type { ResourceRow } from "./types.ts";

const log = createLogger("static-resources");
const maxFileBytes = 16 * 1024 * 1024;

interface LoadedFile {
  readonly digest: string;
  readonly rows: readonly ResourceRow[];
}

export class ManifestFiles {
  /** Files that are not taken as they are now, with the reason. */
  readonly failed = new Map<string, string>();
  readonly #directory: string;
  readonly #kept: LastGood | undefined;
  readonly #files = new Map<string, LoadedFile>();

  /** `keep`: folder for what was taken, for the next run; undefined keeps nothing. */
  constructor(directory: string, keep: string | undefined) {
    this.#directory = directory;
    this.#kept = keep === undefined ? undefined : new LastGood(keep);
  }

  /** Reads what has changed. Returns the objects of all files by id; one that is there twice is the first file's. */
  scan(): ReadonlyMap<string, ResourceRow> {
    const names = listManifests(this.#directory);
    for (const name of [...this.#files.keys(), ...this.failed.keys()]) {
      if (names.includes(name)) continue;
      this.#files.delete(name);
      this.failed.delete(name);
    }
    for (const name of names) this.#read(name);
    this.#kept?.prune(names);
    return this.#merge(names);
  }

  #read(name: string): void {
    const path = join(this.#directory, name);
    try {
      const text = readTextFile(path, maxFileBytes);
      const digest = createHash("sha256").update(text).digest("base64");
      if (this.#files.get(name)?.digest === digest && !this.failed.has(name)) return;
      this.#files.set(name, { digest, rows: parseManifests(text, path) });
      this.failed.delete(name);
      this.#kept?.write(name, text);
    } catch (thrown) {
      const error = toError(thrown).message;
      const restored = !this.#files.has(name) && this.#restore(name);
      if (restored) log.warn("Manifest not taken, what an earlier run took of it stays", { file: path, error });
      else if (this.failed.get(name) !== error)
        log.warn("Manifest not taken, its last good state stays", { file: path, error });
      this.failed.set(name, error);
    }
  }

  /** Whether there is something that an earlier run took of a file that is bad now. */
  #restore(name: string): boolean {
    try {
      const text = this.#kept?.read(name);
      if (text === undefined) return false;
      this.#files.set(name, {
        digest: "",
        rows: parseManifests(text, `${join(this.#directory, name)}, as last taken`),
      });
      return true;
    } catch (thrown) {
      log.warn("Cannot use what was kept of a manifest", { file: name, error: toError(thrown).message });
      return false;
    }
  }

  #merge(names: readonly string[]): Map<string, ResourceRow> {
    const wanted = new Map<string, ResourceRow>();
    for (const name of names) {
      for (const row of this.#files.get(name)?.rows ?? []) {
        const first = wanted.get(row.id);
        if (first === undefined) wanted.set(row.id, row);
        else if (!this.failed.has(name)) {
          this.failed.set(name, `Cannot use ${row.origin}: "${row.id}" is in ${first.origin} already`);
        }
      }
    }
    return wanted;
  }
}

function listManifests(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => /\.(ya?ml|json)$/.test(name) && !name.startsWith("."))
    .sort();
}
