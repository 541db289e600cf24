// SPDX-License-Identifier: Apache-2.0
// Keeps the numbers of identities that this node gives to addresses over a restart.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { checkShape, createLogger, replaceFile, toError } from "../../src/core/index.ts";
import type { AddressIdentityState } from "../../src/ipcache/index.ts";

const log = createLogger("identity-file");

const shape = z.object({
  identities: z.object({
    next: z.int(),
    identities: z.array(z.object({ id: z.int(), labels: z.array(z.string()) })),
  }),
  told: z.array(z.tuple([z.string(), z.int()])),
});

/** A file `NAME.json` in a folder, which is made when it is needed. */
export class IdentityFile {
  readonly #directory: string;
  readonly #name: string;

  constructor(directory: string, name: string) {
    this.#directory = directory;
    this.#name = name;
  }

  /** Numbers that cannot be read are given anew: then flows to such addresses may be denied until all endpoints know them. */
  load(): AddressIdentityState | undefined {
    const path = join(this.#directory, `${this.#name}.json`);
    if (!existsSync(path)) return undefined;
    try {
      const parsed = checkShape(shape, JSON.parse(readFileSync(path, "utf8")));
      if (parsed.ok) return parsed.value;
      throw new Error(`${parsed.where || "value"}: ${parsed.problem}`);
    } catch (error) {
      log.warn("Cannot read the identities of addresses, new ones are given", { path, error: toError(error).message });
      return undefined;
    }
  }

  save(state: AddressIdentityState): void {
    try {
      mkdirSync(this.#directory, { recursive: true });
      replaceFile(join(this.#directory, `${this.#name}.json`), JSON.stringify(state), { durable: true });
    } catch (error) {
      log.warn("Cannot keep the identities of addresses, a restart gives new ones", { error: toError(error).message });
    }
  }
}
