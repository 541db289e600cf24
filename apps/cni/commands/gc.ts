// SPDX-License-Identifier: Apache-2.0
// GC: removes attachments of this network that the runtime does not name, as a runtime leaves them that was killed.
// Addresses of endpoints that never came expire in the agent by themselves.
import type { Endpoint } from "../../../src/api/index.ts";
import { errorChain } from "../../../src/core/index.ts";
import { hostInterfaceName } from "../attachment.ts";
import { deleteAttachment } from "../delete-attachment.ts";
import { CniError, cniCodes, toCniError } from "../errors.ts";
import { deletePodNetwork } from "../pod-network.ts";
import type { Answer, Request } from "../request.ts";

const callTimeout = 30_000;

export async function gc({ config, agentAt, warn }: Request): Promise<Answer> {
  const { validAttachments, agentSocket, name } = config;
  if (validAttachments === undefined) {
    throw new CniError(cniCodes.invalidConfig, 'Cannot GC: "cni.dev/valid-attachments" is not set');
  }
  const client = agentAt(agentSocket, callTimeout);
  let endpoints: readonly Endpoint[];
  try {
    endpoints = await client.listEndpoints([]);
  } catch (error) {
    throw toCniError(error);
  }
  const failures: string[] = [];
  for (const { status } of endpoints) {
    const { "cni-network": network, "cni-attachment-id": attachment = "" } = status["external-identifiers"];
    if (network !== name || validAttachments.has(attachment)) continue;
    // Container ids have no colon.
    const [containerId = "", interfaceName = ""] = attachment.split(":");
    try {
      await deleteAttachment({ client, agentSocket, containerId, interfaceName, warn });
      deletePodNetwork(undefined, interfaceName, hostInterfaceName(containerId, interfaceName));
    } catch (error) {
      failures.push(`${attachment}: ${errorChain(error)}`);
    }
  }
  if (failures.length === 0) return undefined;
  throw new CniError(cniCodes.agentRefused, `Cannot GC ${failures.length} attachments: ${failures.join("; ")}`);
}
