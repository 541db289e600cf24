// SPDX-License-Identifier: Apache-2.0
// Whether another plugin makes the container's network.
import type { DaemonConfiguration } from "../../src/api/index.ts";
import type { PluginConfig } from "./config.ts";
import { CniError, cniCodes } from "./errors.ts";
import { isAtLeast } from "./versions.ts";

/** What the agent says where the network's configuration says nothing. */
const agentKey = "cni-chaining-mode";

/** Throws CniError 7 where what the runtime passed does not fit the mode. */
export function isChained(config: PluginConfig, agentConfig: DaemonConfiguration): boolean {
  const mode = config.chaining ?? agentConfig.status.daemonConfigurationMap?.[agentKey] ?? "none";
  const chained = mode === "generic-veth" || mode === "flannel";
  if (!chained && config.prevResult !== undefined) {
    throw invalid(
      'Cannot ADD after another plugin: "chaining-mode" is none (set "generic-veth" in the configuration, or cni-chaining-mode of the agent)',
    );
  }
  if (!chained) return false;
  if (!isAtLeast(config.cniVersion, "0.3.0")) {
    throw invalid(`Cannot ADD with chaining: cniVersion "${config.cniVersion}" has no prevResult (0.3.0 or newer)`);
  }
  if (config.prevResult === undefined) {
    throw invalid(
      'Cannot ADD with chaining: "prevResult" is not set (the plugin that makes the network comes before this one)',
    );
  }
  return true;
}

function invalid(message: string): CniError {
  return new CniError(cniCodes.invalidConfig, message);
}
