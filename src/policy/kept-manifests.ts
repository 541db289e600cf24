// SPDX-License-Identifier: Apache-2.0
// Policies of manifests as they were last in force, for a start that finds one which is not valid (any more).
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createLogger, replaceFile, toError } from "../core/index.ts";

const log = createLogger("policy-store");

/**
 * One file a policy, `HASH-OF-ID.HASH-OF-TEXT.json`, mode 0600. What cannot be written or removed is logged: the policy is
 * in force, or gone, all the same.
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
      replaceFile(join(this.#directory, name), text);
      this.#files().set(hash(id), name);
      if (before !== undefined) rmSync(join(this.#directory, before), { force: true });
    } catch (error) {
      log.warn("Cannot keep a policy for the next start", { policy: id, error: toError(error).message });
    }
  }

  remove(id: string): void {
    const name = this.#files().get(hash(id));
    if (name === undefined) return;
    this.#files().delete(hash(id));
    this.#forget(name);
  }

  /** Forgets all but these. */
  prune(ids: Iterable<string>): void {
    const wanted = new Set(Array.from(ids, (id) => this.#files().get(hash(id))));
    for (const name of this.#list()) if (!wanted.has(name)) this.#forget(name);
    this.#names = undefined;
  }

  #files(): Map<string, string> {
    this.#names ??= new Map(
      this.#list()
        .filter((name) => !name.startsWith("."))
        .map((name) => [name.split(".")[0] ?? "", name]),
    );
    return this.#names;
  }

  #list(): readonly string[] {
    try {
      return existsSync(this.#directory) ? readdirSync(this.#directory) : [];
    } catch (error) {
      log.warn("Cannot see what policies were last in force", {
        ...{ path: this.#directory, error: toError(error).message },
      });
      return [];
    }
  }

  /** What stays is found by nobody who does not ask for its policy. */
  #forget(name: string): void {
    try {
      rmSync(join(this.#directory, name), { force: true });
    } catch (error) {
      log.warn("Cannot forget a policy that is gone", {
        ...{ path: join(this.#directory, name), error: toError(error).message },
      });
    }
  }
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
