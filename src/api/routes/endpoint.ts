// SPDX-License-Identifier: Apache-2.0
// Endpoints: list, get, create, change, delete, health, log.
import { parseEndpointId } from "../endpoint-id.ts";
import { ApiError } from "../errors.ts";
import type { EndpointChangeRequest, EndpointConfigurationSpec } from "../models.ts";
import type { Route, RouteRequest, RouteResponse } from "../router.ts";
import {
  checkBody,
  endpointBatchDelete,
  endpointChangeRequest,
  endpointConfigurationSpec,
  labelList,
} from "../schemas.ts";
import type { DeleteResult, EndpointRef } from "../types.ts";

export const endpointRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/endpoint",
    limit: "endpoint-list",
    handle: async ({ api, body }) => {
      const labels = checkBody(labelList, (await body()) ?? [], "labels");
      return { status: 200, body: await api.listEndpoints(labels) };
    },
  },
  {
    method: "DELETE",
    path: "/endpoint",
    limit: "endpoint-delete",
    handle: async ({ api, body }) => {
      const request = checkBody(endpointBatchDelete, await body(), "endpoint selection");
      const containerId = request["container-id"];
      const result = await api.deleteEndpoints({ containerId });
      if (result.deleted === 0 && result.errors.length === 0) throw notFound(`container-id:${containerId}`);
      return deleteResponse(result);
    },
  },
  {
    method: "GET",
    path: "/endpoint/{id}",
    limit: "endpoint-get",
    handle: async ({ api, params }) => found(params, await api.getEndpoint(refOf(params))),
  },
  { method: "PUT", path: "/endpoint/{id}", limit: "endpoint-create", handle: create },
  {
    method: "PATCH",
    path: "/endpoint/{id}",
    limit: "endpoint-patch",
    handle: async ({ api, params, body }) => {
      const request = checkBody(endpointChangeRequest, await body(), "endpoint change") as EndpointChangeRequest;
      return { status: 200, body: await api.patchEndpoint(refOf(params), request) };
    },
  },
  {
    method: "DELETE",
    path: "/endpoint/{id}",
    limit: "endpoint-delete",
    handle: async ({ api, params }) => {
      const result = await api.deleteEndpoint(refOf(params));
      if (result === undefined) throw notFound(params.id);
      return deleteResponse(result);
    },
  },
  {
    method: "GET",
    path: "/endpoint/{id}/config",
    limit: "endpoint-get",
    handle: async ({ api, params }) => found(params, await api.endpointConfig(refOf(params))),
  },
  {
    method: "PATCH",
    path: "/endpoint/{id}/config",
    limit: "endpoint-patch",
    handle: async ({ api, params, body }) => {
      const spec = checkBody(endpointConfigurationSpec, await body(), "endpoint configuration");
      return found(params, await api.patchEndpointConfig(refOf(params), spec as EndpointConfigurationSpec));
    },
  },
  {
    method: "GET",
    path: "/endpoint/{id}/healthz",
    limit: "endpoint-get",
    handle: async ({ api, params }) => found(params, await api.endpointHealth(refOf(params))),
  },
  {
    method: "GET",
    path: "/endpoint/{id}/log",
    limit: "endpoint-get",
    handle: async ({ api, params }) => found(params, await api.endpointLog(refOf(params))),
  },
];

async function create({ api, params, body }: RouteRequest): Promise<RouteResponse> {
  const request = checkBody(endpointChangeRequest, await body(), "endpoint") as EndpointChangeRequest;
  const ref = refOf(params);
  if (ref.kind !== "cilium-local") {
    throw new ApiError(400, `Cannot create endpoint "${params.id}": its id must be a number (0: the agent chooses)`);
  }
  if (request.id !== undefined && request.id !== 0 && request.id !== ref.id) {
    throw new ApiError(400, `Cannot create endpoint "${params.id}": the body says id ${request.id}`);
  }
  return { status: 201, body: await api.putEndpoint(ref.id, request) };
}

function refOf(params: Readonly<Record<string, string>>): EndpointRef {
  return parseEndpointId(params.id ?? "");
}

function found(params: Readonly<Record<string, string>>, value: unknown): RouteResponse {
  if (value === undefined) throw notFound(params.id);
  return { status: 200, body: value };
}

function notFound(id: string | undefined): ApiError {
  return new ApiError(404, `Cannot find endpoint "${id}": no such endpoint`);
}

/** 200, or 206 when some objects could not be removed; the body is the number of errors, as Cilium has it. */
function deleteResponse(result: DeleteResult): RouteResponse {
  return result.errors.length === 0 ? { status: 200 } : { status: 206, body: result.errors.length };
}
