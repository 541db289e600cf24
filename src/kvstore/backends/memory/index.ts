// SPDX-License-Identifier: Apache-2.0
// The backend `memory`: one process alone; connections with the same name share a store.
import { type Clock, systemClock } from "../../../core/index.ts";
import type { KvstoreBackend } from "../../backend-types.ts";
import { MemoryConnection } from "./connection.ts";
import { MemoryStore } from "./store.ts";

export { MemoryConnection, MemoryStore };

const stores = new Map<string, MemoryStore>();

/** The store of that name in this process, made when it is asked for first. */
export function memoryStore(name: string, clock: Clock = systemClock): MemoryStore {
  const known = stores.get(name);
  if (known !== undefined) return known;
  const store = new MemoryStore(clock);
  stores.set(name, store);
  return store;
}

/** The backend of the registry. */
export const memory = {
  name: "memory",
  options: { "memory.name": "connections of one process with the same name share a store (default)" },
  create: (options, { clock }) => new MemoryConnection(memoryStore(options["memory.name"] ?? "default", clock)),
} satisfies KvstoreBackend;
