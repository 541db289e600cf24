// SPDX-License-Identifier: Apache-2.0
// Policies: get, import, delete, selectors, and what decided a drop.
import { ApiError } from "../errors.ts";
import type { DropQuery } from "../models.ts";
import type { Route } from "../router.ts";

export const policyRoutes: readonly Route[] = [
  { method: "GET", path: "/policy", handle: async ({ api }) => ({ status: 200, body: await api.getPolicy() }) },
  {
    method: "PUT",
    path: "/policy",
    handle: async ({ api, body }) => ({ status: 200, body: await api.putPolicy(policyResources(await body())) }),
  },
  {
    method: "DELETE",
    path: "/policy",
    handle: async ({ api, query }) => {
      const name = query.get("name");
      return { status: 200, body: await api.deletePolicy(name === null ? {} : { name }) };
    },
  },
  {
    method: "GET",
    path: "/policy/selectors",
    handle: async ({ api }) => {
      if (api.policySelectors === undefined) {
        throw new ApiError(501, "Cannot list policy selectors: not supported by this agent");
      }
      return { status: 200, body: await api.policySelectors() };
    },
  },
  {
    method: "GET",
    path: "/policy/rules",
    handle: async ({ api }) => {
      if (api.policyRules === undefined) {
        throw new ApiError(501, "Cannot list policy rules: not supported by this agent");
      }
      return { status: 200, body: await api.policyRules() };
    },
  },
  { method: "GET", path: "/policy/hits", handle: async ({ api }) => ({ status: 200, body: await api.policyHits() }) },
  {
    method: "GET",
    path: "/policy/explain",
    handle: async ({ api, query }) => ({ status: 200, body: await api.explainDrop(dropQuery(query)) }),
  },
];

/** The resources of a body: an object, an array of them, or a Kubernetes List. Throws ApiError 400. */
export function policyResources(body: unknown): readonly unknown[] {
  const list = Array.isArray(body) ? body : [body];
  const resources = list.flatMap((item: unknown) => (isList(item) ? item.items : [item]));
  for (const [index, resource] of resources.entries()) {
    if (typeof resource !== "object" || resource === null || Array.isArray(resource)) {
      throw new ApiError(400, `Cannot read policy ${index + 1} of ${resources.length}: not an object`);
    }
  }
  if (resources.length === 0) throw new ApiError(400, "Cannot read policy: the body holds none");
  return resources;
}

function isList(item: unknown): item is { items: readonly unknown[] } {
  if (typeof item !== "object" || item === null || !("items" in item)) return false;
  const named = "kind" in item && typeof item.kind === "string" && item.kind.endsWith("List");
  return named && Array.isArray(item.items);
}

function dropQuery(query: URLSearchParams): DropQuery {
  const number = (name: string): number => {
    const text = query.get(name) ?? "0";
    if (!/^\d{1,10}$/.test(text)) throw new ApiError(400, `Cannot read query "${name}": not a number`);
    return Number(text);
  };
  const direction = query.get("direction") ?? "unknown";
  if (direction !== "ingress" && direction !== "egress" && direction !== "unknown") {
    throw new ApiError(400, `Cannot read query "direction": "${direction}" is not ingress, egress or unknown`);
  }
  return {
    endpoint: number("endpoint"),
    direction,
    sourceIdentity: number("source-identity"),
    destinationIdentity: number("destination-identity"),
    protocol: number("protocol"),
    port: number("port"),
    cookie: number("cookie"),
    policySet: number("policy-set"),
  };
}
