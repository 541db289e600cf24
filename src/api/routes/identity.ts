// SPDX-License-Identifier: Apache-2.0
// Identities, addresses and nodes.
import { tryParseCidr, tryParseIp } from "../../core/index.ts";
import { checkBody } from "../check-body.ts";
import { ApiError } from "../errors.ts";
import { Labels } from "../models/request.ts";
import type { Route, RouteRequest, RouteResponse } from "../router.ts";

export const identityRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/identity",
    summary: "List identities; with labels those that have all of them",
    body: "Labels",
    answers: { 200: "Identity[]" },
    errors: [400, 404],
    handle: async ({ api, body }) => {
      const labels = checkBody(Labels, (await body()) ?? [], "labels");
      const found = await api.listIdentities(labels);
      if (found.length === 0 && labels.length > 0) {
        throw new ApiError(404, `Cannot find identities: none has ${labels.join(" and ")}`);
      }
      return { status: 200, body: found };
    },
  },
  {
    method: "GET",
    path: "/identity/endpoints",
    summary: "List the identities of local endpoints, with how many have them",
    answers: { 200: "IdentityEndpoints[]" },
    handle: async ({ api }) => ({ status: 200, body: await api.identityEndpoints() }),
  },
  {
    method: "GET",
    path: "/identity/{id}",
    summary: "Get an identity",
    answers: { 200: "Identity" },
    errors: [400, 404],
    handle: async ({ api, params }) => {
      const id = params.id ?? "";
      if (!/^\d{1,10}$/.test(id) || Number(id) > 0xffffffff) {
        throw new ApiError(400, `Cannot read identity "${id}": not a number from 0 to 4294967295`);
      }
      const identity = await api.getIdentity(Number(id));
      if (identity === undefined) throw new ApiError(404, `Cannot find identity "${id}": no such identity`);
      return { status: 200, body: identity };
    },
  },
  {
    method: "GET",
    path: "/ip",
    summary: "List the prefixes that have identities; with labels those whose identity has all of them",
    query: { cidr: { type: "string", about: "Only prefixes within this one, or an address" } },
    body: "Labels",
    answers: { 200: "IPListEntry[]" },
    errors: [400, 404],
    handle: listIps,
  },
  {
    method: "GET",
    path: "/cluster/nodes",
    summary: "List the nodes of the cluster, or what changed since the last request of the same client",
    headers: { "client-id": { type: "integer", about: "From the answer before; without it all nodes are listed" } },
    answers: { 200: "ClusterNodeStatus" },
    errors: [400],
    handle: async ({ api, header }) => {
      const client = header("client-id") ?? "0";
      if (!/^\d{1,16}$/.test(client)) throw new ApiError(400, `Cannot read client-id "${client}": not a number`);
      return { status: 200, body: await api.nodes(Number(client)) };
    },
  },
  {
    method: "GET",
    path: "/node/ids",
    summary: "List the numbers by which maps name nodes, with the nodes' addresses",
    answers: { 200: "NodeID[]" },
    handle: async ({ api }) => ({ status: 200, body: await api.nodeIds() }),
  },
];

async function listIps({ api, query, body }: RouteRequest): Promise<RouteResponse> {
  const labels = checkBody(Labels, (await body()) ?? [], "labels");
  const asked = query.get("cidr");
  const cidr = asked === null ? undefined : prefixOf(asked);
  const found = await api.listIps({ labels, ...(cidr !== undefined && { cidr }) });
  if (found.length > 0 || (cidr === undefined && labels.length === 0)) return { status: 200, body: found };
  const wanted = [...(cidr === undefined ? [] : [`within "${cidr}"`]), ...labels.map((label) => `with "${label}"`)];
  throw new ApiError(404, `Cannot find addresses: there is none ${wanted.join(" and ")}`);
}

/** An address is the prefix of it alone. Throws ApiError 400. */
function prefixOf(text: string): string {
  const ip = tryParseIp(text);
  if (ip !== undefined) return `${ip}/${ip.includes(":") ? 128 : 32}`;
  if (tryParseCidr(text) !== undefined) return text;
  throw new ApiError(400, `Cannot read cidr "${text}": not an address or prefix`);
}
