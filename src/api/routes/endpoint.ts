// SPDX-License-Identifier: Apache-2.0
// Endpoints: list, get, create, change, delete, configuration, labels, health, log.
import type { z } from "zod";
import { checkBody } from "../check-body.ts";
import { parseEndpointId } from "../endpoint-id.ts";
import { ApiError } from "../errors.ts";
import type { ModelName } from "../models/index.ts";
import {
  EndpointBatchDeleteRequest,
  EndpointChangeRequest,
  EndpointConfigurationSpec,
  LabelConfigurationSpec,
  Labels,
} from "../models/request.ts";
import type { Content, Route, RouteRequest, RouteResponse } from "../router.ts";
import type { AgentApi, DeleteResult, EndpointRef } from "../types.ts";

/** What may come of any call that names an endpoint. */
const errors = [400, 404, 429];

/** What the calls that delete have in common. */
const deleting = {
  ...{ method: "DELETE", limit: "endpoint-delete" },
  ...{ answers: { 200: "none", 206: "number" }, errors: [...errors, 503] },
} as const satisfies Partial<Route>;

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
    ...deleting,
    path: "/endpoint",
    summary: "Delete all endpoints of a container",
    body: "EndpointBatchDeleteRequest",
    handle: async ({ api, body }) => {
      const request = checkBody(EndpointBatchDeleteRequest, await body(), "endpoint selection");
      const containerId = request["container-id"];
      const result = await api.deleteEndpoints({ containerId });
      if (result.deleted === 0 && result.errors.length === 0) throw notFound(`container-id:${containerId}`);
      return deleteResponse(result);
    },
  },
  reading("", "an endpoint", "Endpoint", (api, ref) => api.getEndpoint(ref)),
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
    ...deleting,
    path: "/endpoint/{id}",
    summary: "Delete an endpoint; it goes also when errors come up on the way (206, with their number)",
    handle: async ({ api, params }) => {
      const result = await api.deleteEndpoint(refOf(params));
      if (result === undefined) throw notFound(params.id);
      return deleteResponse(result);
    },
  },
  ...partRoutes("/config", "the options of an endpoint", {
    answer: "EndpointConfigurationStatus",
    read: (api, ref) => api.endpointConfig(ref),
    body: ["EndpointConfigurationSpec", EndpointConfigurationSpec],
    change: (api, ref, spec) => api.patchEndpointConfig(ref, spec),
  }),
  ...partRoutes("/labels", "the labels of an endpoint, with those that users give it beside the orchestrator's", {
    answer: "LabelConfiguration",
    read: (api, ref) => api.endpointLabels(ref),
    body: ["LabelConfigurationSpec", LabelConfigurationSpec],
    change: (api, ref, spec) => api.patchEndpointLabels(ref, spec),
  }),
  reading("/healthz", "the health of an endpoint", "EndpointHealth", (api, ref) => api.endpointHealth(ref)),
  reading("/log", "the log of an endpoint's states", "EndpointStatusChange[]", (api, ref) => api.endpointLog(ref)),
];

/** GET of an endpoint (`part` empty) or of a part of it; 404 when there is none. */
function reading(
  part: string,
  what: string,
  answer: Content,
  read: (api: AgentApi, ref: EndpointRef) => unknown,
): Route {
  return {
    ...{ method: "GET", path: `/endpoint/{id}${part}`, summary: `Get ${what}`, limit: "endpoint-get" },
    ...{ answers: { 200: answer }, errors },
    handle: async ({ api, params }) => found(params, await read(api, refOf(params))),
  };
}

/** A part of an endpoint that can be changed; `change` gives the part as it is then. */
interface ChangeablePart<Body extends z.ZodType> {
  readonly answer: ModelName;
  readonly read: (api: AgentApi, ref: EndpointRef) => unknown;
  readonly body: readonly [name: ModelName, schema: Body];
  readonly change: (api: AgentApi, ref: EndpointRef, body: z.infer<Body>) => unknown;
}

/** GET and PATCH of a part of an endpoint. */
function partRoutes<Body extends z.ZodType>(path: string, what: string, part: ChangeablePart<Body>): readonly Route[] {
  const { answer, read, change } = part;
  const [body, schema] = part.body;
  return [
    reading(path, what, answer, read),
    {
      ...{ method: "PATCH", path: `/endpoint/{id}${path}`, summary: `Change ${what}`, limit: "endpoint-patch", body },
      ...{ answers: { 200: answer }, errors: [...errors, 500] },
      handle: async ({ api, params, body: sent }) => {
        const spec = checkBody(schema, await sent(), what);
        return found(params, await change(api, refOf(params), spec));
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
