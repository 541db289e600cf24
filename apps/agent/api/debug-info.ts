// SPDX-License-Identifier: Apache-2.0
// GET /debuginfo: what the agent knows, for finding faults.
import { readFileSync } from "node:fs";
import { release } from "node:os";
import type { AgentApi, DebugInfo } from "../../../src/api/index.ts";
import { type Config, type Health, redactText } from "../../../src/core/index.ts";

/** Longest memory map in characters. */
const maxMemoryMap = 256 * 1024;

export interface DebugInfoDeps {
  readonly config: Config;
  readonly modules: () => ReadonlyMap<string, Health>;
  readonly calls: Pick<AgentApi, "healthz" | "listEndpoints" | "getPolicy" | "version">;
}

export function createDebugInfoCalls({ config, modules, calls }: DebugInfoDeps): Pick<AgentApi, "debugInfo"> {
  return {
    async debugInfo(): Promise<DebugInfo> {
      const status = await calls.healthz({ brief: false, requireK8s: true });
      return {
        "cilium-version": calls.version().version,
        "kernel-version": release(),
        "cilium-status": status,
        "endpoint-list": await calls.listEndpoints([]),
        "service-list": [],
        policy: await calls.getPolicy(),
        "cilium-memory-map": readFileSync("/proc/self/maps", "utf8").slice(0, maxMemoryMap),
        "environment-variables": Array.from(config.entries(), ([key, { text }]) => `${key}:${text}`),
        subsystem: Object.fromEntries(
          Array.from(modules(), ([name, { state, message }]) => [
            name,
            message === undefined ? state : `${state}: ${redactText(message)}`,
          ]),
        ),
        encryption: status.encryption ?? { mode: "Disabled" },
      };
    },
  };
}
