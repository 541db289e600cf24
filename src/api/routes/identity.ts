// SPDX-License-Identifier: Apache-2.0
// Identities, addresses and nodes.
import { tryParseCidr, tryParseIp } from "../../core/index.ts";
import { ApiError } from "../errors.ts";
import type { Route } from "../router.ts";
import { checkBody, labelList } from "../schemas.ts";

export const identityRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/identity",
    handle: async ({ api, body }) => {
      const labels = checkBody(labelList, (await body()) ?? [], "labels");
      return { status: 200, body: await api.listIdentities(labels) };
    },
  },
  {
    method: "GET",
    path: "/identity/endpoints",
    handle: async ({ api }) => ({ status: 200, body: await api.identityEndpoints() }),
  },
  {
    method: "GET",
    path: "/identity/{id}",
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
    handle: async ({ api, query, body }) => {
      const labels = checkBody(labelList, (await body()) ?? [], "labels");
      const cidr = query.get("cidr");
      if (cidr === null) return { status: 200, body: await api.listIps({ labels }) };
      if (tryParseCidr(cidr) === undefined && tryParseIp(cidr) === undefined) {
        throw new ApiError(400, `Cannot read cidr "${cidr}": not an address or prefix`);
      }
      return { status: 200, body: await api.listIps({ cidr, labels }) };
    },
  },
  {
    method: "GET",
    path: "/cluster/nodes",
    handle: async ({ api }) => ({ status: 200, body: await api.nodes() }),
  },
];
