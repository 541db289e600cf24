// SPDX-License-Identifier: Apache-2.0
// The typed client of cilium-health's API.
import type { HealthResponse, HealthStatusResponse } from "./models.ts";
import { clusterHealthBase as base } from "./routes/cluster-health.ts";
import { call } from "./transport.ts";

/** Calls the health socket. Every method may reject with ApiError or AgentUnreachableError. */
export class HealthClient {
  readonly socketPath: string;
  readonly #timeout: number;

  /** `timeout` in milliseconds, for one call. */
  constructor(socketPath: string, timeout = 30_000) {
    this.socketPath = socketPath;
    this.#timeout = timeout;
  }

  /** The agent and its machine. */
  async healthz(): Promise<HealthResponse> {
    return (await this.#call("GET", "/healthz")) as HealthResponse;
  }

  /** What the probes so far found. */
  async status(): Promise<HealthStatusResponse> {
    return (await this.#call("GET", "/status")) as HealthStatusResponse;
  }

  /** Probes everything now, and says what that found. */
  async probe(): Promise<HealthStatusResponse> {
    return (await this.#call("PUT", "/status/probe")) as HealthStatusResponse;
  }

  async #call(method: "GET" | "PUT", path: string): Promise<unknown> {
    return (await call(this.socketPath, { method, base, path, timeout: this.#timeout })).body;
  }
}
