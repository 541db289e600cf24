// SPDX-License-Identifier: Apache-2.0
// Which cookie names which rule, on disk: a snapshot, and the cookies that were given since, a line each.
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { createLogger, replaceFile, toError } from "../core/index.ts";
import { CookieRegistry, type CookieSnapshot } from "./entries/cookies.ts";
import type { RuleOrigin } from "./types.ts";

const log = createLogger("policy-cookies");
const minLines = 1024;

/**
 * Files `policy-cookies.json` and `policy-cookies.log` in a folder. A change of a policy costs the lines of its new
 * rules; the snapshot is written again when the lines have become as many as it has rules.
 */
export class CookieFile {
  readonly #snapshot: string;
  readonly #log: string;
  /** The first number that is not on disk; undefined: the snapshot has to be written. */
  #saved: number | undefined;
  #lines = 0;
  /** Cookies in the snapshot. */
  #kept = 0;

  constructor(directory: string) {
    this.#snapshot = join(directory, "policy-cookies.json");
    this.#log = join(directory, "policy-cookies.log");
  }

  /** Cookies of the run before; new ones when there are none, or they cannot be read (then flows just ask again). */
  load(): CookieRegistry {
    if (!existsSync(this.#snapshot)) return new CookieRegistry();
    try {
      const snapshot = JSON.parse(readFileSync(this.#snapshot, "utf8")) as CookieSnapshot;
      return CookieRegistry.fromJSON(snapshot, this.#readLog());
    } catch (error) {
      log.warn("Cannot read the rule cookies, new ones are given", { error: toError(error).message });
      return new CookieRegistry();
    }
  }

  /**
   * Keeps cookies that were given since the last call; call it before entries with them get into the kernel. They only
   * name rules: where they cannot be kept, a restart gives new ones, and policies are in force all the same.
   */
  save(cookies: CookieRegistry): void {
    try {
      const added = this.#saved === undefined ? undefined : cookies.since(this.#saved);
      if (added === undefined || this.#lines + added.length > Math.max(minLines, this.#kept)) {
        this.#writeSnapshot(cookies);
      } else if (added.length > 0) {
        appendFileSync(this.#log, added.map((line) => `${JSON.stringify(line)}\n`).join(""), { mode: 0o600 });
        this.#lines += added.length;
      }
      this.#saved = cookies.next;
    } catch (error) {
      this.#saved = undefined;
      log.warn("Cannot keep the rule cookies, a restart gives new ones", { error: toError(error).message });
    }
  }

  /** The log goes behind the snapshot that holds its lines: to have them twice does no harm. */
  #writeSnapshot(cookies: CookieRegistry): void {
    mkdirSync(dirname(this.#snapshot), { recursive: true, mode: 0o700 });
    replaceFile(this.#snapshot, JSON.stringify(cookies.toJSON()), { durable: true });
    rmSync(this.#log, { force: true });
    this.#lines = 0;
    this.#kept = cookies.size;
  }

  /** Whole lines; what a kill or a full disk cut short is left out. */
  #readLog(): (readonly [number, RuleOrigin])[] {
    if (!existsSync(this.#log)) return [];
    const lines = readFileSync(this.#log, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as [number, RuleOrigin]);
  }
}
