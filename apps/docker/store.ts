// SPDX-License-Identifier: Apache-2.0
// What must outlive the plug-in: endpoints that the engine made, and addresses that no endpoint has claimed yet.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { replaceFile } from "../../src/core/index.ts";
import { publishedPort } from "./ports.ts";

const storedEndpoint = z.strictObject({
  networkId: z.string(),
  /** Without prefix lengths. */
  ipv4: z.string().optional(),
  ipv6: z.string().optional(),
  /** Of the container's device. */
  mac: z.string(),
  /** Set while the container has it; its own id while nobody knows which container that is. */
  containerId: z.string().optional(),
  /** Whether the engine still has to say which container has it. */
  unnamed: z.boolean().optional(),
  /** Whether the container wants ports published. */
  wantsPorts: z.boolean().optional(),
  /** Those that are. */
  published: z.array(publishedPort).optional(),
});

export type StoredEndpoint = z.infer<typeof storedEndpoint>;

/** After this the agent has taken back what no endpoint claimed, and some more (ms). */
const leaseLifetime = 15 * 60_000;

/** Files `endpoint-ID.json` and `lease-ADDRESS` in one folder; each is replaced at once. */
export class Store {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Undefined when there is none, or none that can be read. */
  endpoint(id: string): StoredEndpoint | undefined {
    const text = this.#read(endpointFile(id));
    try {
      return text === undefined ? undefined : storedEndpoint.parse(JSON.parse(text));
    } catch {
      return undefined;
    }
  }

  saveEndpoint(id: string, endpoint: StoredEndpoint): void {
    this.#write(endpointFile(id), JSON.stringify(endpoint));
  }

  removeEndpoint(id: string): void {
    rmSync(join(this.#directory, endpointFile(id)), { force: true });
  }

  /** Ids of endpoints that nothing was written about since `age` milliseconds. */
  endpointsUnchangedFor(age: number): string[] {
    return this.#endpointIds().filter((id) => this.#age(endpointFile(id)) > age);
  }

  /** All that can be read. */
  endpoints(): StoredEndpoint[] {
    return this.#endpointIds().flatMap((id) => this.endpoint(id) ?? []);
  }

  /** The same without one. */
  endpointsBut(except: string): StoredEndpoint[] {
    return this.#endpointIds().flatMap((id) => (id === except ? [] : (this.endpoint(id) ?? [])));
  }

  /** Ids of those whose container the engine still has to name. */
  unnamed(): string[] {
    return this.#endpointIds().filter((id) => this.endpoint(id)?.unnamed === true);
  }

  #endpointIds(): string[] {
    const names = readdirSync(this.#directory).filter((name) => /^endpoint-[0-9a-zA-Z]+\.json$/.test(name));
    return names.map((name) => name.slice("endpoint-".length, -".json".length));
  }

  /** The id with which the agent lends an address; undefined when the engine did not get it from here, or long ago. */
  lease(address: string): string | undefined {
    const uuid = this.#read(leaseFile(address));
    if (uuid === undefined || this.#age(leaseFile(address)) < leaseLifetime) return uuid;
    this.removeLease(address);
    return undefined;
  }

  saveLease(address: string, uuid: string): void {
    this.#write(leaseFile(address), uuid);
  }

  removeLease(address: string): void {
    rmSync(join(this.#directory, leaseFile(address)), { force: true });
  }

  /** Since it was written, ms. */
  #age(name: string): number {
    return Date.now() - statSync(join(this.#directory, name)).mtimeMs;
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(join(this.#directory, name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  #write(name: string, text: string): void {
    replaceFile(join(this.#directory, name), text);
  }
}

function endpointFile(id: string): string {
  return `endpoint-${id}.json`;
}

/** Addresses are canonical: hex digits, dots, colons. */
function leaseFile(address: string): string {
  return `lease-${address}`;
}
