// SPDX-License-Identifier: Apache-2.0
// GET and PATCH /endpoint/{id}/labels: the labels that users give an endpoint.
import { type AgentApi, ApiError, type EndpointRef, type LabelConfiguration } from "../../../src/api/index.ts";
import type { Labels } from "../../../src/core/index.ts";
import type { EndpointManager, EndpointRow } from "../../../src/endpoint/index.ts";
import { toLabelModel } from "./endpoint-model.ts";

export interface EndpointLabelsDeps {
  readonly find: (ref: EndpointRef) => EndpointRow | undefined;
  readonly manager: Pick<EndpointManager, "setLabels">;
  /** Whether the orchestrator's objects say the labels of this endpoint, all of them. */
  readonly orchestrated: (row: EndpointRow) => boolean;
  /** Reads labels as users give them. Throws ApiError 400. */
  readonly read: (row: EndpointRow, given: readonly string[]) => Labels;
}

export function createEndpointLabelsCalls(
  deps: EndpointLabelsDeps,
): Pick<AgentApi, "endpointLabels" | "patchEndpointLabels"> {
  const model = (row: EndpointRow): LabelConfiguration => toLabelModel(row, deps.orchestrated(row));
  return {
    endpointLabels(ref) {
      const row = deps.find(ref);
      return row && model(row);
    },
    patchEndpointLabels(ref, { user = [] }) {
      const row = deps.find(ref);
      if (row === undefined) return undefined;
      if (row.host === true)
        throw new ApiError(400, "Cannot change labels of the host: they are those of its Node object");
      if (!deps.orchestrated(row) || user.length > 0) deps.manager.setLabels(row.id, deps.read(row, user));
      return model(deps.find(ref) ?? row);
    },
  };
}
