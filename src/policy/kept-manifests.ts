// SPDX-License-Identifier: Apache-2.0
// Policies of manifests as they were last in force, for a start that finds one which is not valid (any more).
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLogger, toError } from "../core/index.ts";

const log = createLogger("policy-store");

/**
 * One file a policy, `HASH-OF-ID.HASH-OF-TEXT.json`, mode 0600. What cannot be written is logged: the policy is in force
 * all the same.
 */
export class KeptManifests {
  readonly #directory: string;
  /** Hash of the id to the file's name. */
  #names: Map<string, string> | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** The object that was last in force under the policy's id. Throws when its file cannot be read. */
  read(id: string): unknown {
    const name = this.#files().get(hash(id));
    return name === undefined ? undefined : JSON.parse(readFileSync(join(this.#directory, name), "utf8"));
  }

  write(id: string, object: unknown): void {
    const text = JSON.stringify(object);
    const name = `${hash(id)}.${hash(text)}.json`;
    const before = this.#files().get(hash(id));
    if (before === name) return;
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      const temporary = join(this.#directory, `.${name}.tmp`);
      writeFileSync(temporary, text, { mode: 0o600 });
      renameSync(temporary, join(this.#directory, name));
      this.#files().set(hash(id), name);
      if (before !== undefined) rmSync(join(this.#directory, before), { force: true });
    } catch (error) {
      log.warn("Cannot keep a policy for the next start", { policy: id, error: toError(error).message });
    }
  }

  remove(id: string): void {
    const name = this.#files().get(hash(id));
    if (name === undefined) return;
    rmSync(join(this.#directory, name), { force: true });
    this.#files().delete(hash(id));
  }

  /** Forgets all but these. */
  prune(ids: Iterable<string>): void {
    const wanted = new Set(Array.from(ids, (id) => this.#files().get(hash(id))));
    for (const name of existsSync(this.#directory) ? readdirSync(this.#directory) : []) {
      if (!wanted.has(name)) rmSync(join(this.#directory, name), { force: true });
    }
    this.#names = undefined;
  }

  #files(): Map<string, string> {
    if (this.#names === undefined) {
      const names = existsSync(this.#directory) ? readdirSync(this.#directory) : [];
      this.#names = new Map(
        names.filter((name) => !name.startsWith(".")).map((name) => [name.split(".")[0] ?? "", name]),
      );
    }
    return this.#names;
  }
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
