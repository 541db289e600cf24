// SPDX-License-Identifier: Apache-2.0
// What the agent runs with, in a file for those who look into its pod: cilium-cli's tests, and commands without an agent.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Config, type Module, replaceFile } from "../../src/core/index.ts";
import { options } from "./options.ts";

/**
 * Writes `agent-runtime-config.json` into the folder at the start. The names are those of Cilium's configuration in Go;
 * only what is read by others is there.
 */
export function createRuntimeConfig(config: Config, folder: string): Module {
  return {
    name: "runtime-config",
    async start() {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      replaceFile(join(folder, "agent-runtime-config.json"), `${JSON.stringify(runtimeConfig(config), null, 2)}\n`);
    },
  };
}

function runtimeConfig(config: Config): Readonly<Record<string, unknown>> {
  return {
    EnableEndpointHealthChecking: config.get(options.enableEndpointHealthChecking),
    EnableHealthChecking: config.get(options.enableHealthChecking),
    EnableICMPRules: true,
    EnableIPv4: config.get(options.enableIpv4),
    EnableIPv6: config.get(options.enableIpv6),
    EnableK8sClusterNetworkPolicy: true,
    EnableK8sNetworkPolicy: true,
    EncryptNode: false,
    MonitorAggregation: config.get(options.monitorAggregation),
    // A selector of Kubernetes in Go, of which there is none.
    NodeEncryptionOptOutLabels: null,
  };
}
