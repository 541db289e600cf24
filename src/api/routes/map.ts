// SPDX-License-Identifier: Apache-2.0
// Maps: what the agent wants to be in them, and how that changes.
import { ApiError } from "../errors.ts";
import type { Route } from "../router.ts";

export const mapRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/map",
    summary: "List the maps, with what the agent wants to be in them",
    answers: { 200: "BPFMapList" },
    handle: async ({ api }) => ({ status: 200, body: await api.mapList() }),
  },
  {
    method: "GET",
    path: "/map/{name}",
    summary: "Get what the agent wants to be in a map",
    answers: { 200: "BPFMap" },
    errors: [404],
    handle: async ({ api, params }) => {
      const map = await api.map(params.name ?? "");
      if (map === undefined) throw notFound(params.name);
      return { status: 200, body: map };
    },
  },
  {
    method: "GET",
    path: "/map/{name}/events",
    summary: "Get the newest changes of a map, oldest first, and with follow those to come",
    query: { follow: { type: "boolean", about: "Do not end" } },
    answers: { 200: "MapEvent stream" },
    errors: [404],
    handle: async ({ api, params, query, signal }) => {
      const stream = api.mapEvents(params.name ?? "", { follow: query.get("follow") === "true", signal });
      if (stream === undefined) throw notFound(params.name);
      return { status: 200, stream };
    },
  },
];

function notFound(name: string | undefined): ApiError {
  return new ApiError(404, `Cannot find map "${name}": no such map, or only programs write it`);
}
