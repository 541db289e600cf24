// SPDX-License-Identifier: Apache-2.0
// What the policy repository keeps over a restart: imported policies, and which cookie names which rule.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLogger, toError } from "../core/index.ts";
import { CookieRegistry, type CookieSnapshot } from "./entries/cookies.ts";
import { KeptManifests } from "./kept-manifests.ts";

const log = createLogger("policy-store");

/** Files `policy-imported.json` and `policy-cookies.json` in a folder, and its folder `manifests`; each write is atomic. */
export class PolicyStore {
  readonly manifests: KeptManifests;
  readonly #directory: string;
  #cookiesText = "";

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    this.manifests = new KeptManifests(join(directory, "manifests"));
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

  /** Cookies of the run before; new ones when there are none, or they cannot be read (then flows just ask again). */
  loadCookies(): CookieRegistry {
    const path = join(this.#directory, "policy-cookies.json");
    if (!existsSync(path)) return new CookieRegistry();
    try {
      return CookieRegistry.fromJSON(JSON.parse(readFileSync(path, "utf8")) as CookieSnapshot);
    } catch (error) {
      log.warn("Cannot read the rule cookies, new ones are given", { path, error: toError(error).message });
      return new CookieRegistry();
    }
  }

  /** Cookies only name rules: where they cannot be kept, a restart gives new ones, and policies are in force all the same. */
  saveCookies(cookies: CookieSnapshot): void {
    const text = JSON.stringify(cookies);
    if (text === this.#cookiesText) return;
    try {
      this.#write("policy-cookies.json", text);
      this.#cookiesText = text;
    } catch (error) {
      log.warn("Cannot keep the rule cookies, a restart gives new ones", { error: toError(error).message });
    }
  }

  #write(name: string, text: string): void {
    const temporary = join(this.#directory, `.${name}.tmp`);
    writeFileSync(temporary, text, { mode: 0o600, flush: true });
    renameSync(temporary, join(this.#directory, name));
  }
}
