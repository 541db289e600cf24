// SPDX-License-Identifier: Apache-2.0
// STATUS: whether an ADD could work now (50: no), and whether containers that are there may be cut off too (51).
import { AgentUnreachableError, type StatusResponse } from "../../../src/api/index.ts";
import { errorChain } from "../../../src/core/index.ts";
import { agentClient } from "../agent.ts";
import { type CniCode, CniError, cniCodes } from "../errors.ts";
import type { Answer, Request } from "../request.ts";

const callTimeout = 5000;

/** Modules without which packets may be dropped that should pass. */
const carrying: readonly string[] = ["datapath", "ipcache-map"];

export async function status(request: Request): Promise<Answer> {
  const { cilium, modules = [] } = await agentState(request);
  const broken = modules.find(({ name, state }) => carrying.includes(name) && state !== "ok");
  if (broken !== undefined) {
    const why = `${broken.name} is ${broken.state}${broken.message === undefined ? "" : `: ${broken.message}`}`;
    throw unavailable(cniCodes.limitedConnectivity, why, "DaemonHealthzFailed");
  }
  if (cilium.state === "Ok" || cilium.state === "Disabled") return undefined;
  throw unavailable(
    cniCodes.pluginNotAvailable,
    `the agent is in state ${cilium.state}: ${cilium.msg ?? ""}`,
    "DaemonHealthzFailed",
  );
}

/** Without the agent containers that are there go on as they are. */
async function agentState(request: Request): Promise<StatusResponse> {
  try {
    return await agentClient(request.config.agentSocket, callTimeout).healthz({ brief: false, requireK8s: false });
  } catch (error) {
    const details = error instanceof AgentUnreachableError ? "DaemonDown" : "DaemonHealthzFailed";
    throw unavailable(cniCodes.pluginNotAvailable, errorChain(error), details);
  }
}

function unavailable(code: CniCode, reason: string, details: string): CniError {
  return new CniError(code, `Cannot serve ADD: ${reason}`, details);
}
