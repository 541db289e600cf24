// SPDX-License-Identifier: Apache-2.0
// How the plugin reaches the agent.
import { type AgentApi, AgentClient, AgentUnreachableError } from "../../src/api/index.ts";

/** How long ADD waits for an agent that is not there, in milliseconds. */
export const agentPatience = 30_000;

/** How long a call may take; an endpoint's build is one call. */
const callTimeout = 90_000;

/** Between two attempts to reach it, in milliseconds. */
export const retryInterval = 200;

/** What ADD, DEL and CHECK ask. */
type Calls =
  | "getConfig"
  | "getEndpoint"
  | "listEndpoints"
  | "putEndpoint"
  | "deleteEndpoint"
  | "endpointHealth"
  | "healthz"
  | "ipamAllocate"
  | "ipamRelease";

/** Whom they ask: the agent by its socket, or whatever answers as that does. */
export type Agent = Pick<AgentClient, Calls>;

/** The same inside the agent. */
export type LocalApi = Pick<AgentApi, Calls>;

/** The agent at a socket; `timeout` is for one call, in milliseconds. */
export type AgentAt = (socketPath: string, timeout?: number) => Agent;

export function agentClient(socketPath: string, timeout = callTimeout): AgentClient {
  return new AgentClient({ socketPath, timeout });
}

/** Repeats `attempt` while nobody answers, up to `patience` milliseconds; then throws the last AgentUnreachableError. */
export async function whenAgentAnswers<T>(attempt: () => Promise<T>, patience: number): Promise<T> {
  const deadline = performance.now() + patience;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof AgentUnreachableError) || performance.now() + retryInterval > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, retryInterval));
  }
}
