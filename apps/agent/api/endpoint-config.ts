// SPDX-License-Identifier: Apache-2.0
// GET and PATCH /endpoint/{id}/config: the options of one endpoint.
import { type AgentApi, ApiError, type EndpointConfigurationStatus, type EndpointRef } from "../../../src/api/index.ts";
import type { ReadonlyTable } from "../../../src/core/index.ts";
import type { EndpointManager, EndpointRow, ReadonlyAuditMode } from "../../../src/endpoint/index.ts";

export interface EndpointConfigDeps {
  readonly find: (ref: EndpointRef) => EndpointRow | undefined;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly manager: Pick<EndpointManager, "setAuditMode">;
  /** Of the agent. */
  readonly auditMode: ReadonlyAuditMode;
}

const OPTION = "PolicyAuditMode";
const words: Readonly<Record<string, boolean>> = { enable: true, enabled: true, disable: false, disabled: false };

export function createEndpointConfigCalls(
  deps: EndpointConfigDeps,
): Pick<AgentApi, "endpointConfig" | "patchEndpointConfig"> {
  const status = (row: EndpointRow): EndpointConfigurationStatus => {
    const on = row.auditMode ?? deps.auditMode.on;
    return { realized: { options: { [OPTION]: on ? "Enabled" : "Disabled" } } };
  };
  return {
    endpointConfig(ref) {
      const row = deps.find(ref);
      return row && status(row);
    },
    patchEndpointConfig(ref, { options = {} }) {
      const row = deps.find(ref);
      if (row === undefined) return undefined;
      const changes = Object.entries(options).map(([name, value]) => readAuditMode(name, value));
      for (const auditMode of changes) deps.manager.setAuditMode(row.id, auditMode);
      return status(deps.endpoints.get(row.id) ?? row);
    },
  };
}

function readAuditMode(name: string, value: string): boolean {
  if (name !== OPTION) throw new ApiError(400, `Cannot set option "${name}": unknown option (${OPTION} allowed)`);
  const on = words[value.toLowerCase()];
  if (on === undefined) throw new ApiError(400, `Cannot set ${OPTION} to "${value}": expected enable or disable`);
  return on;
}
