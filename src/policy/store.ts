// SPDX-License-Identifier: Apache-2.0
// What the policy repository keeps over a restart: imported policies, and which cookie names which rule.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLogger, replaceFile, toError } from "../core/index.ts";
import type { ConfirmedPolicies } from "./confirm/guard.ts";
import { CookieFile } from "./cookie-file.ts";
import type { CookieRegistry } from "./entries/cookies.ts";
import { KeptManifests } from "./kept-manifests.ts";

const log = createLogger("policy-store");

/** File `policy-imported.json` in a folder, its folder `manifests`, and those of CookieFile; each write is atomic. Made when first written. */
export class PolicyStore {
  readonly manifests: KeptManifests;
  readonly #directory: string;
  readonly #cookies: CookieFile;

  constructor(directory: string) {
    this.#directory = directory;
    this.manifests = new KeptManifests(join(directory, "manifests"));
    this.#cookies = new CookieFile(directory);
  }

  /** Policies as they were imported. Throws when the file is there and cannot be read: a lost deny must not go unseen. */
  loadImported(): readonly unknown[] {
    const path = join(this.#directory, "policy-imported.json");
    if (!existsSync(path)) return [];
    try {
      const found: unknown = JSON.parse(readFileSync(path, "utf8"));
      if (!Array.isArray(found)) throw new Error("not a list");
      return found;
    } catch (error) {
      const { message } = toError(error);
      throw new Error(`Cannot read imported policies "${path}": ${message} (mend or remove the file)`, {
        cause: error,
      });
    }
  }

  saveImported(resources: readonly unknown[]): void {
    this.#write("policy-imported.json", JSON.stringify(resources));
  }

  /** Which policies for hosts were confirmed; none when that cannot be read: then they have to prove themselves again. */
  loadConfirmed(): ConfirmedPolicies {
    const path = join(this.#directory, "policy-confirmed.json");
    if (!existsSync(path)) return { resources: [] };
    try {
      const found = JSON.parse(readFileSync(path, "utf8")) as Partial<ConfirmedPolicies>;
      if (!Array.isArray(found.resources)) throw new Error("no list of resources");
      return { resources: found.resources, ...(found.rejected && { rejected: found.rejected }) };
    } catch (error) {
      log.warn("Cannot read which policies for hosts were confirmed", { path, error: toError(error).message });
      return { resources: [] };
    }
  }

  saveConfirmed(confirmed: ConfirmedPolicies): void {
    this.#write("policy-confirmed.json", JSON.stringify(confirmed));
  }

  /** Cookies of the run before. */
  loadCookies(): CookieRegistry {
    return this.#cookies.load();
  }

  /** Keeps what is new in them. */
  saveCookies(cookies: CookieRegistry): void {
    this.#cookies.save(cookies);
  }

  #write(name: string, text: string): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    replaceFile(join(this.#directory, name), text, { durable: true });
  }
}
