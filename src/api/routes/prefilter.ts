// SPDX-License-Identifier: Apache-2.0
// The prefilter: which source addresses are dropped as soon as their packets come in.
import { ApiError } from "../errors.ts";
import type { Prefilter } from "../models.ts";
import type { Route, RouteRequest } from "../router.ts";
import { checkBody, prefilterSpec } from "../schemas.ts";
import type { AgentApi, PrefilterApi } from "../types.ts";

export const prefilterRoutes: readonly Route[] = [
  { method: "GET", path: "/prefilter", handle: async ({ api }) => ({ status: 200, body: modelOf(enabled(api)) }) },
  { method: "PATCH", path: "/prefilter", handle: (request) => change(request, "update") },
  { method: "DELETE", path: "/prefilter", handle: (request) => change(request, "delete") },
];

async function change({ api, body }: RouteRequest, action: "update" | "delete") {
  const prefilter = enabled(api);
  const { revision, deny } = checkBody(prefilterSpec, await body(), "prefilter");
  prefilter[action](revision ?? 0, deny ?? []);
  return { status: 200, body: modelOf(prefilter) };
}

function enabled(api: AgentApi): PrefilterApi {
  if (api.prefilter === undefined) {
    throw new ApiError(501, "Cannot use the prefilter: it is off (start the agent with --enable-xdp-prefilter)");
  }
  return api.prefilter;
}

function modelOf(prefilter: PrefilterApi): Prefilter {
  const spec = { revision: prefilter.revision(), deny: prefilter.denied() };
  return { spec, status: { realized: spec } };
}
