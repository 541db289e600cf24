// SPDX-License-Identifier: Apache-2.0
// CHECK: the endpoint is healthy, the interface is as ADD left it.
import { AgentUnreachableError } from "../../../src/api/index.ts";
import { errorChain } from "../../../src/core/index.ts";
import { attachmentRef } from "../attachment.ts";
import { type AttachmentEnvironment, readAttachment } from "../environment.ts";
import { CniError, cniCodes, toCniError } from "../errors.ts";
import { openContainerNetns } from "../netns.ts";
import { checkPodNetwork } from "../pod-network.ts";
import type { Answer, Request } from "../request.ts";
import { readPreviousResult } from "../result.ts";

const callTimeout = 10_000;

export async function check(request: Request): Promise<Answer> {
  const attachment = readAttachment(request.env, "CHECK");
  if (request.config.prevResult === undefined) {
    throw new CniError(cniCodes.invalidConfig, 'Cannot CHECK: "prevResult" is not set');
  }
  const expected = readPreviousResult(request.config.prevResult, attachment.interfaceName);
  await checkEndpoint(request, attachment);
  using netns = openContainerNetns(attachment.netns);
  checkPodNetwork(netns, attachment.interfaceName, expected);
  return undefined;
}

async function checkEndpoint(request: Request, { containerId, interfaceName }: AttachmentEnvironment): Promise<void> {
  const client = request.agentAt(request.config.agentSocket, callTimeout);
  try {
    const health = await client.endpointHealth(attachmentRef(containerId, interfaceName));
    if (health.overallHealth !== "Failure") return;
    const details = `bpf: ${health.bpf}, policy: ${health.policy}, connected: ${health.connected}`;
    throw new CniError(cniCodes.unhealthy, `Cannot confirm "${interfaceName}": its endpoint is unhealthy`, details);
  } catch (error) {
    if (error instanceof CniError || error instanceof AgentUnreachableError) throw toCniError(error);
    throw new CniError(
      cniCodes.healthzFailed,
      `Cannot get the endpoint's health: ${errorChain(error)}`,
      "HealthzFailed",
    );
  }
}
