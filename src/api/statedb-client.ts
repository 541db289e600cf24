// SPDX-License-Identifier: Apache-2.0
// The typed client of the agent's tables.
import type { StatedbChange, StatedbDump, StatedbQuery, StatedbRow, StatedbTable } from "./models.ts";
import { statedbBase as base } from "./routes/statedb.ts";
import { call, callStream } from "./transport.ts";

/** Calls the agent's socket. Every method may reject with ApiError or AgentUnreachableError. */
export class StatedbClient {
  readonly #socketPath: string;
  readonly #timeout: number;

  /** `timeout` in milliseconds, for one call. */
  constructor(socketPath: string, timeout = 30_000) {
    this.#socketPath = socketPath;
    this.#timeout = timeout;
  }

  tables(): Promise<StatedbTable[]> {
    return this.#get("/tables");
  }

  /** All tables. */
  dump(): Promise<StatedbDump> {
    return this.#get("/dump");
  }

  rows(table: string): Promise<StatedbRow[]> {
    return this.#get(`/dump/${encodeURIComponent(table)}`);
  }

  query(query: StatedbQuery): Promise<StatedbRow[]> {
    return this.#get("/query", query);
  }

  /** All rows, then changes until the signal aborts; ends quietly then. */
  changes(table: string, signal: AbortSignal): AsyncIterable<StatedbChange> {
    const path = `/changes/${encodeURIComponent(table)}`;
    return callStream<StatedbChange>(this.#socketPath, { base, path, signal });
  }

  async #get<T>(path: string, body?: unknown): Promise<T> {
    return (await call(this.#socketPath, { method: "GET", base, path, body, timeout: this.#timeout })).body as T;
  }
}
