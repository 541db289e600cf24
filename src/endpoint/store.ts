// SPDX-License-Identifier: Apache-2.0
// What an endpoint's folder under the state directory holds: enough to restore it without the runtime's help.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { createLogger, replaceFile } from "../core/index.ts";
import { storedOptions } from "./options.ts";

const log = createLogger("endpoint-store");

const storedEndpoint = z.strictObject({
  version: z.literal(1),
  id: z.int().min(1).max(65535),
  containerId: z.string(),
  containerInterfaceName: z.string(),
  netnsPath: z.string(),
  interfaceName: z.string(),
  ifindex: z.int().positive(),
  mac: z.string(),
  nodeMac: z.string(),
  ipv4: z.string().optional(),
  ipv6: z.string().optional(),
  podNamespace: z.string(),
  podName: z.string(),
  podUid: z.string().optional(),
  ...storedOptions,
  traits: z
    .strictObject({
      neighborsPass: z.boolean(),
      byStack: z.boolean(),
      externalIpam: z.boolean(),
      parentIfindex: z.int().min(0),
      ipvlan: z.literal(true).optional(),
    })
    .optional(),
  network: z.string().optional(),
  labels: z.array(z.string()),
  identity: z.int().positive().optional(),
});

/** An endpoint as it is kept on disk. */
export type StoredEndpoint = z.infer<typeof storedEndpoint>;

const storedHost = z.strictObject(storedOptions);

/** What is kept of the host's endpoint. */
export type StoredHost = z.infer<typeof storedHost>;

/** A folder that could not be read back; it is left where it is. */
export interface StoreError {
  /** Of the endpoint, as the folder says. */
  readonly id: number;
  readonly path: string;
  readonly message: string;
  /** The file has no content, as after a power loss: its endpoint was of an earlier boot. */
  readonly empty: boolean;
}

export interface StoredEndpoints {
  readonly endpoints: StoredEndpoint[];
  readonly errors: StoreError[];
  /** Folders without a file, of endpoints whose creation was cut short. */
  readonly unborn: readonly string[];
}

const fileName = "endpoint.json";
const hostFileName = "host.json";

/**
 * Keeps endpoints under `<directory>/<id>/endpoint.json`; what is there is replaced at once (temporary file,
 * rename). Nothing waits for the disk: what ends a process loses no write, and what ends the machine ends its pods and their devices as well.
 * The latter may leave a file without content; see `StoreError.empty`. Nothing is touched before the first call.
 */
export class EndpointStore {
  readonly #directory: string;
  /** What the files hold, as far as this process has read or written them. */
  readonly #held = new Map<number, unknown>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Writes nothing when the file holds that already. Throws the file system's error; the caller must not report the endpoint as created then. */
  save(endpoint: StoredEndpoint): void {
    const text = JSON.stringify(endpoint);
    const plain: unknown = JSON.parse(text);
    if (isDeepStrictEqual(plain, this.#held.get(endpoint.id))) return;
    const isNew = !this.#held.delete(endpoint.id);
    const folder = join(this.#directory, String(endpoint.id));
    if (isNew) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, fileName);
    // There is nothing to be lost: a file that is cut short before anybody hears of the endpoint goes with the next start.
    if (isNew && !existsSync(path)) this.#create(endpoint.id, path, `${text}\n`);
    else replaceFile(path, `${text}\n`);
    this.#held.set(endpoint.id, plain);
  }

  #makeFolder(): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
  }

  #create(id: number, path: string, text: string): void {
    try {
      writeFileSync(path, text, { mode: 0o600 });
    } catch (error) {
      this.remove(id);
      throw error;
    }
  }

  /** Throws the file system's error. */
  saveHost(host: StoredHost): void {
    this.#makeFolder();
    replaceFile(join(this.#directory, hostFileName), `${JSON.stringify(host)}\n`);
  }

  /** Nothing when there is no file, or none that can be read: the host is as the agent is then. */
  loadHost(): StoredHost {
    const path = join(this.#directory, hostFileName);
    if (!existsSync(path)) return {};
    try {
      return storedHost.parse(JSON.parse(readFileSync(path, "utf8")));
    } catch (error) {
      log.error("Cannot read what is kept of the host's endpoint", { path, error: describe(error) });
      return {};
    }
  }

  remove(id: number): void {
    this.#held.delete(id);
    rmSync(join(this.#directory, String(id)), { recursive: true, force: true });
  }

  /** What read() says, and makes the folder fit to write to: for whoever has the lock of the state. */
  load(): Omit<StoredEndpoints, "unborn"> {
    this.#makeFolder();
    const { unborn, ...found } = this.read();
    // Their creation was cut short before anybody was told of them.
    for (const folder of unborn) rmSync(folder, { recursive: true, force: true });
    return found;
  }

  /** Everything that can be read, in order of id, and what could not be and why. Changes nothing. */
  read(): StoredEndpoints {
    const endpoints: StoredEndpoint[] = [];
    const errors: StoreError[] = [];
    const unborn: string[] = [];
    for (const entry of existsSync(this.#directory) ? readdirSync(this.#directory).sort() : []) {
      if (!/^[1-9]\d{0,4}$/.test(entry) || Number(entry) > 65535) continue;
      const path = join(this.#directory, entry, fileName);
      if (!existsSync(path)) {
        unborn.push(join(this.#directory, entry));
        continue;
      }
      let text = "";
      try {
        text = readFileSync(path, "utf8");
        const document: unknown = JSON.parse(text);
        const stored = storedEndpoint.parse(document);
        if (String(stored.id) !== entry) throw new Error(`id is ${stored.id}, expected ${entry} as the folder says`);
        endpoints.push(stored);
        this.#held.set(stored.id, document);
      } catch (error) {
        errors.push({ id: Number(entry), path, message: describe(error), empty: !/[^\0\s]/.test(text) });
      }
    }
    endpoints.sort((a, b) => a.id - b.id);
    return { endpoints, errors, unborn };
  }
}

function describe(error: unknown): string {
  if (error instanceof z.ZodError) {
    const issue = error.issues[0];
    return issue === undefined ? "not an endpoint" : `${issue.path.join(".") || "document"}: ${issue.message}`;
  }
  return error instanceof Error ? error.message : String(error);
}
