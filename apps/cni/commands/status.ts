// SPDX-License-Identifier: Apache-2.0
// STATUS: whether an ADD could work now.
import { AgentUnreachableError } from "../../../src/api/index.ts";
import { errorChain } from "../../../src/core/index.ts";
import { agentClient } from "../agent.ts";
import { CniError, cniCodes } from "../errors.ts";
import type { Answer, Request } from "../request.ts";

const callTimeout = 5000;

export async function status(request: Request): Promise<Answer> {
  const state = await agentState(request);
  if (state.state === "Ok" || state.state === "Disabled") return undefined;
  throw unavailable(`the agent is in state ${state.state}: ${state.msg ?? ""}`, "DaemonHealthzFailed");
}

async function agentState(request: Request): Promise<{ state: string; msg?: string }> {
  try {
    return (await agentClient(request.config.agentSocket, callTimeout).healthz({ brief: true, requireK8s: false }))
      .cilium;
  } catch (error) {
    const details = error instanceof AgentUnreachableError ? "DaemonDown" : "DaemonHealthzFailed";
    throw unavailable(errorChain(error), details);
  }
}

function unavailable(reason: string, details: string): CniError {
  return new CniError(cniCodes.pluginNotAvailable, `Cannot serve ADD: ${reason}`, details);
}
