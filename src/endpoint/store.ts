// SPDX-License-Identifier: Apache-2.0
// What an endpoint's folder under the state directory holds: enough to restore it without the runtime's help.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

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
  labels: z.array(z.string()),
  identity: z.int().positive().optional(),
});

/** An endpoint as it is kept on disk. */
export type StoredEndpoint = z.infer<typeof storedEndpoint>;

/** A folder that could not be read back; it is left where it is. */
export interface StoreError {
  /** Of the endpoint, as the folder says. */
  readonly id: number;
  readonly path: string;
  readonly message: string;
}

const fileName = "endpoint.json";

/** Keeps endpoints under `<directory>/<id>/endpoint.json`; each write is atomic (temporary file, rename). */
export class EndpointStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Throws the file system's error; the caller must not report the endpoint as created then. */
  save(endpoint: StoredEndpoint): void {
    const folder = join(this.#directory, String(endpoint.id));
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const temporary = join(folder, `.${fileName}.tmp`);
    writeFileSync(temporary, `${JSON.stringify(endpoint)}\n`, { mode: 0o600, flush: true });
    renameSync(temporary, join(folder, fileName));
  }

  remove(id: number): void {
    rmSync(join(this.#directory, String(id)), { recursive: true, force: true });
  }

  /** Everything that can be read, in order of id, and what could not be and why. */
  load(): { endpoints: StoredEndpoint[]; errors: StoreError[] } {
    const endpoints: StoredEndpoint[] = [];
    const errors: StoreError[] = [];
    for (const entry of readdirSync(this.#directory).sort()) {
      if (!/^[1-9]\d{0,4}$/.test(entry) || Number(entry) > 65535) continue;
      const path = join(this.#directory, entry, fileName);
      if (!existsSync(path)) {
        // Its creation was cut short before anybody was told of it.
        rmSync(join(this.#directory, entry), { recursive: true, force: true });
        continue;
      }
      try {
        const stored = storedEndpoint.parse(JSON.parse(readFileSync(path, "utf8")));
        if (String(stored.id) !== entry) throw new Error(`id is ${stored.id}, expected ${entry} as the folder says`);
        endpoints.push(stored);
      } catch (error) {
        errors.push({ id: Number(entry), path, message: describe(error) });
      }
    }
    endpoints.sort((a, b) => a.id - b.id);
    return { endpoints, errors };
  }
}

function describe(error: unknown): string {
  if (error instanceof z.ZodError) {
    const issue = error.issues[0];
    return issue === undefined ? "not an endpoint" : `${issue.path.join(".") || "document"}: ${issue.message}`;
  }
  return error instanceof Error ? error.message : String(error);
}
