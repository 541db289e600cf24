// SPDX-License-Identifier: Apache-2.0
// Policies: get, import, delete, selectors, and what decided a drop.
import { ApiError } from "../errors.ts";
import type { DropQuery } from "../models.ts";
import type { Parameter, Route } from "../router.ts";

export const policyRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/policy",
    summary: "Get all policies, and their revision",
    answers: { 200: "Policy" },
    handle: async ({ api }) => ({ status: 200, body: await api.getPolicy() }),
  },
  {
    method: "PUT",
    path: "/policy",
    summary: "Import policies; all of them, or none when one is bad",
    body: "PolicyResources",
    answers: { 200: "Policy" },
    errors: [400, 409, 500],
    handle: async ({ api, body }) => ({ status: 200, body: await api.putPolicy(policyResources(await body())) }),
  },
  {
    method: "DELETE",
    path: "/policy",
    summary: "Delete imported policies: all, or one",
    query: { name: { type: "string", about: "namespace/name, or name of a cluster-wide one" } },
    answers: { 200: "Policy" },
    errors: [404, 500],
    handle: async ({ api, query }) => {
      const name = query.get("name");
      return { status: 200, body: await api.deletePolicy(name === null ? {} : { name }) };
    },
  },
  {
    method: "GET",
    path: "/policy/selectors",
    summary: "List the selectors of peers, with the identities they match now",
    answers: { 200: "SelectorIdentityMapping[]" },
    handle: async ({ api }) => ({ status: 200, body: await api.policySelectors() }),
  },
  {
    method: "GET",
    path: "/policy/subject-selectors",
    summary: "List the selectors of those whom policies are about, with the identities they match now",
    answers: { 200: "SelectorIdentityMapping[]" },
    handle: async ({ api }) => ({ status: 200, body: await api.policySubjectSelectors() }),
  },
  {
    method: "GET",
    path: "/policy/references",
    summary: "Get the CIDR groups and services that policies can refer to",
    answers: { 200: "PolicyReferences" },
    handle: async ({ api }) => ({ status: 200, body: await api.policyReferences() }),
  },
  {
    method: "GET",
    path: "/policy/rules",
    summary: "List every rule that entries of maps and events can name, by its cookie",
    answers: { 200: "PolicyRuleCookie[]" },
    handle: async ({ api }) => ({ status: 200, body: await api.policyRules() }),
  },
  {
    method: "GET",
    path: "/policy/hits",
    summary: "List how often each rule decided",
    answers: { 200: "PolicyRuleHits[]" },
    handle: async ({ api }) => ({ status: 200, body: await api.policyHits() }),
  },
  {
    method: "GET",
    path: "/policy/explain",
    summary: "Say what decided a drop, from what its event tells",
    query: dropParameters(),
    answers: { 200: "DropExplanation" },
    errors: [400],
    handle: async ({ api, query }) => ({ status: 200, body: await api.explainDrop(dropQuery(query)) }),
  },
];

function dropParameters(): Readonly<Record<string, Parameter>> {
  const number = (about: string): Parameter => ({ type: "integer", about });
  return {
    endpoint: number("Endpoint whose programs dropped the packet; 0: host or overlay"),
    direction: { type: "string", about: "As the event has it", values: ["ingress", "egress", "unknown"] },
    "source-identity": number("As the event has it"),
    "destination-identity": number("As the event has it"),
    protocol: number("IP protocol of the packet; 0: not known"),
    port: number("Destination port, or type of ICMP; 0: not known"),
    cookie: number("Rule cookie of the event; 0: none"),
    "policy-set": number("Policy set of the event; 0: none"),
  };
}

/** The resources of a body: an object, an array of them, or a Kubernetes List. Throws ApiError 400. */
function policyResources(body: unknown): readonly unknown[] {
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
