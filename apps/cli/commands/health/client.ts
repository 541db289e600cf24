// SPDX-License-Identifier: Apache-2.0
// The health socket, which is beside the agent's.
import { HealthClient, healthSocketPath } from "../../../../src/api/index.ts";
import type { Context } from "../../context.ts";

/** Generous: a probe of all nodes waits for those that do not answer. */
const timeoutMs = 30_000;

export function healthClient(context: Context): HealthClient {
  return new HealthClient(healthSocketPath(context.agentSocket), timeoutMs);
}
