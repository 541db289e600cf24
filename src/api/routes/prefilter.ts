// SPDX-License-Identifier: Apache-2.0
// The prefilter: which source addresses are dropped as soon as their packets come in.
import { checkBody } from "../check-body.ts";
import { ApiError } from "../errors.ts";
import type { Prefilter } from "../models/policy.ts";
import { PrefilterSpec } from "../models/request.ts";
import type { Route, RouteRequest } from "../router.ts";
import type { AgentApi, PrefilterApi } from "../types.ts";

export const prefilterRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/prefilter",
    summary: "List the source prefixes that are denied",
    answers: { 200: "Prefilter" },
    errors: [500, 501],
    handle: async ({ api }) => ({ status: 200, body: modelOf(enabled(api)) }),
  },
  changing("PATCH", "Deny more source prefixes", "update"),
  changing("DELETE", "Deny source prefixes no more", "delete"),
];

function changing(method: "PATCH" | "DELETE", summary: string, action: "update" | "delete"): Route {
  return {
    ...{ method, path: "/prefilter", summary, body: "PrefilterSpec" },
    ...{ answers: { 200: "Prefilter" }, errors: [400, 461, 500, 501] },
    handle: (request) => change(request, action),
  };
}

async function change({ api, body }: RouteRequest, action: "update" | "delete") {
  const prefilter = enabled(api);
  const { revision, deny } = checkBody(PrefilterSpec, await body(), "prefilter");
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
