// SPDX-License-Identifier: Apache-2.0
// The last good text of each manifest, kept over restarts: a file that went bad must not take what it said out of force.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createLogger, replaceFile, toError } from "../core/index.ts";

const log = createLogger("static-resources");

/** One file a manifest, by its name, mode 0600. What cannot be written or removed is logged: manifests come into force all the same. */
export class LastGood {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  path(name: string): string {
    return join(this.#directory, name);
  }

  read(name: string): string | undefined {
    return existsSync(this.path(name)) ? readFileSync(this.path(name), "utf8") : undefined;
  }

  write(name: string, text: string): void {
    try {
      if (this.read(name) === text) return;
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      replaceFile(this.path(name), text);
    } catch (error) {
      log.warn("Cannot keep a manifest for the next start", { file: this.path(name), error: toError(error).message });
    }
  }

  /** Forgets all manifests but these. */
  prune(names: readonly string[]): void {
    try {
      if (!existsSync(this.#directory)) return;
      for (const name of new Set(readdirSync(this.#directory)).difference(new Set(names))) {
        rmSync(this.path(name), { force: true });
      }
    } catch (error) {
      // It is used only for a file of its name that is there and bad.
      log.warn("Cannot forget manifests that are gone", { path: this.#directory, error: toError(error).message });
    }
  }
}
