// SPDX-License-Identifier: Apache-2.0
// Endpoints: list, get, create, change, delete, configuration, labels, health, log.
import { checkBody } from "../check-body.ts";
import { parseEndpointId } from "../endpoint-id.ts";
import { ApiError } from "../errors.ts";
import {
  EndpointBatchDeleteRequest,
  EndpointChangeRequest,
  EndpointConfigurationSpec,
  LabelConfigurationSpec,
  Labels,
} from "../models/request.ts";
import type { Route, RouteRequest, RouteResponse } from "../router.ts";
import type { DeleteResult, EndpointRef } from "../types.ts";

/** What may come of any call that names an endpoint. */
const errors = [400, 404, 429];

export const endpointRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/endpoint",
    summary: "List endpoints; with labels those that have all of them",
    limit: "endpoint-list",
    body: "Labels",
    answers: { 200: "Endpoint[]" },
    errors: [400, 404, 429],
    handle: async ({ api, body }) => {
      const labels = checkBody(Labels, (await body()) ?? [], "labels");
      const found = await api.listEndpoints(labels);
      if (found.length === 0 && labels.length > 0) {
        throw new ApiError(404, `Cannot find endpoints: none has ${labels.map((label) => `"${label}"`).join(" and ")}`);
      }
      return { status: 200, body: found };
    },
  },
  {
    method: "DELETE",
    path: "/endpoint",
    summary: "Delete all endpoints of a container",
    limit: "endpoint-delete",
    body: "EndpointBatchDeleteRequest",
    answers: { 200: "none", 206: "number" },
    errors,
    handle: async ({ api, body }) => {
      const request = checkBody(EndpointBatchDeleteRequest, await body(), "endpoint selection");
      const containerId = request["container-id"];
      const result = await api.deleteEndpoints({ containerId });
      if (result.deleted === 0 && result.errors.length === 0) throw notFound(`container-id:${containerId}`);
      return deleteResponse(result);
    },
  },
  {
    method: "GET",
    path: "/endpoint/{id}",
    summary: "Get an endpoint",
    limit: "endpoint-get",
    answers: { 200: "Endpoint" },
    errors,
    handle: async ({ api, params }) => found(params, await api.getEndpoint(refOf(params))),
  },
  {
    method: "PUT",
    path: "/endpoint/{id}",
    summary: "Create an endpoint; id 0 lets the agent choose one",
    limit: "endpoint-create",
    body: "EndpointChangeRequest",
    answers: { 201: "Endpoint" },
    errors: [400, 409, 429, 500, 503],
    handle: create,
  },
  {
    method: "PATCH",
    path: "/endpoint/{id}",
    summary: "Change an endpoint; fields that are left out stay as they are",
    limit: "endpoint-patch",
    body: "EndpointChangeRequest",
    answers: { 200: "Endpoint" },
    errors: [400, 404, 429, 500],
    handle: async ({ api, params, body }) => {
      const request = checkBody(EndpointChangeRequest, await body(), "endpoint change");
      return { status: 200, body: await api.patchEndpoint(refOf(params), request) };
    },
  },
  {
    method: "DELETE",
    path: "/endpoint/{id}",
    summary: "Delete an endpoint; it goes also when errors come up on the way (206, with their number)",
    limit: "endpoint-delete",
    answers: { 200: "none", 206: "number" },
    errors,
    handle: async ({ api, params }) => {
      const result = await api.deleteEndpoint(refOf(params));
      if (result === undefined) throw notFound(params.id);
      return deleteResponse(result);
    },
  },
  ...settingRoutes(),
  {
    method: "GET",
    path: "/endpoint/{id}/healthz",
    summary: "Get the health of an endpoint",
    limit: "endpoint-get",
    answers: { 200: "EndpointHealth" },
    errors,
    handle: async ({ api, params }) => found(params, await api.endpointHealth(refOf(params))),
  },
  {
    method: "GET",
    path: "/endpoint/{id}/log",
    summary: "Get the log of an endpoint's states",
    limit: "endpoint-get",
    answers: { 200: "EndpointStatusChange[]" },
    errors,
    handle: async ({ api, params }) => found(params, await api.endpointLog(refOf(params))),
  },
];

/** Options and labels of one endpoint. */
function settingRoutes(): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/endpoint/{id}/config",
      summary: "Get the options of an endpoint",
      limit: "endpoint-get",
      answers: { 200: "EndpointConfigurationStatus" },
      errors,
      handle: async ({ api, params }) => found(params, await api.endpointConfig(refOf(params))),
    },
    {
      method: "PATCH",
      path: "/endpoint/{id}/config",
      summary: "Change options of an endpoint",
      limit: "endpoint-patch",
      body: "EndpointConfigurationSpec",
      answers: { 200: "EndpointConfigurationStatus" },
      errors: [400, 404, 429, 500],
      handle: async ({ api, params, body }) => {
        const spec = checkBody(EndpointConfigurationSpec, await body(), "endpoint configuration");
        return found(params, await api.patchEndpointConfig(refOf(params), spec));
      },
    },
    {
      method: "GET",
      path: "/endpoint/{id}/labels",
      summary: "Get the labels of an endpoint, and which of them users gave",
      limit: "endpoint-get",
      answers: { 200: "LabelConfiguration" },
      errors,
      handle: async ({ api, params }) => found(params, await api.endpointLabels(refOf(params))),
    },
    {
      method: "PATCH",
      path: "/endpoint/{id}/labels",
      summary: "Set the labels that users give an endpoint beside those of the orchestrator",
      limit: "endpoint-patch",
      body: "LabelConfigurationSpec",
      answers: { 200: "LabelConfiguration" },
      errors: [400, 404, 429, 500],
      handle: async ({ api, params, body }) => {
        const spec = checkBody(LabelConfigurationSpec, await body(), "label configuration");
        return found(params, await api.patchEndpointLabels(refOf(params), spec));
      },
    },
  ];
}

async function create({ api, params, body }: RouteRequest): Promise<RouteResponse> {
  const request = checkBody(EndpointChangeRequest, await body(), "endpoint");
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
