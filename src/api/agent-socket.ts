// SPDX-License-Identifier: Apache-2.0
// Which socket the agent listens on, from flags and environment.
import { dirname, join } from "node:path";
import { CiliumError } from "../core/index.ts";

/** Where the agent listens unless told otherwise. */
export const defaultAgentSocket = "/var/run/cilium/cilium.sock";

/**
 * The agent's socket path: `host` (flag) before CILIUM_SOCK before the default. Both take a path or `unix:///path`.
 * Throws CiliumError on anything else.
 */
export function agentSocketPath(host: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const given = host ?? env.CILIUM_SOCK;
  if (given === undefined || given === "") return defaultAgentSocket;
  const path = given.startsWith("unix://") ? given.slice("unix://".length) : given;
  if (!path.startsWith("/")) {
    throw new CiliumError(`Cannot use agent address "${given}": not a unix socket (expected unix:///path or /path)`, {
      code: "USAGE",
    });
  }
  return path;
}

/** The socket of the cluster's health beside the agent's. */
export function healthSocketPath(agentSocket: string): string {
  return join(dirname(agentSocket), "health.sock");
}

/** The shell's socket beside the agent's. */
export function shellSocketPath(agentSocket: string): string {
  return join(dirname(agentSocket), "shell.sock");
}

/** The monitor socket beside the agent's. */
export function monitorSocketPath(agentSocket: string): string {
  return join(dirname(agentSocket), "monitor1_2.sock");
}
