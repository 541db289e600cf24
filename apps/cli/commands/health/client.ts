// SPDX-License-Identifier: Apache-2.0
// The health socket: --host of cilium-health, CILIUM_HEALTH_SOCK, or that beside the agent's.
import { agentSocketPath, HealthClient, healthSocketPath } from "../../../../src/api/index.ts";
import type { Context } from "../../context.ts";

/** Generous: a probe of all nodes waits for those that do not answer. */
const timeoutMs = 30_000;

export function healthClient({ io: { env }, host, agentSocket }: Context): HealthClient {
  const named = env.CILIUM_PROGRAM === "cilium-health" ? host : undefined;
  const given = named ?? env.CILIUM_HEALTH_SOCK ?? "";
  return new HealthClient(given === "" ? healthSocketPath(agentSocket) : agentSocketPath(given), timeoutMs);
}
