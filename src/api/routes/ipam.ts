// SPDX-License-Identifier: Apache-2.0
// Addresses for endpoints.
import { tryParseIp } from "../../core/index.ts";
import { ApiError } from "../errors.ts";
import type { Route } from "../router.ts";

const pool = { type: "string", about: "Of which pool; by default the only one" } as const;

export const ipamRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/ipam",
    summary: "Get an address of each family, or of one",
    query: {
      family: { type: "string", about: "Only this one", values: ["ipv4", "ipv6"] },
      owner: { type: "string", about: "Who gets them: namespace/pod" },
      pool,
    },
    headers: {
      expiration: { type: "boolean", about: "They go back by themselves unless an endpoint uses them in time" },
    },
    answers: { 201: "IPAMResponse" },
    errors: [400, 502],
    handle: async ({ api, query, header }) => {
      const family = query.get("family") ?? "";
      if (family !== "" && family !== "ipv4" && family !== "ipv6") {
        throw new ApiError(400, `Cannot allocate address: family "${family}" is not ipv4 or ipv6`);
      }
      const response = await api.ipamAllocate({
        ...(family === "" ? {} : { family }),
        owner: query.get("owner") ?? "",
        pool: query.get("pool") ?? "",
        expiration: header("expiration") === "true",
      });
      return { status: 201, body: response };
    },
  },
  {
    method: "POST",
    path: "/ipam/{ip}",
    summary: "Take this address",
    query: { owner: { type: "string", about: "Who gets it" }, pool },
    answers: { 200: "none" },
    errors: [400, 409, 500, 501],
    handle: async ({ api, params, query }) => {
      await api.ipamAllocateAddress(address(params.ip), query.get("owner") ?? "", query.get("pool") ?? "");
      return { status: 200 };
    },
  },
  {
    method: "DELETE",
    path: "/ipam/{ip}",
    summary: "Give an address back",
    query: { pool },
    answers: { 200: "none" },
    errors: [400, 404, 500, 501],
    handle: async ({ api, params, query }) => {
      await api.ipamRelease(address(params.ip), query.get("pool") ?? "");
      return { status: 200 };
    },
  },
];

function address(text: string | undefined): string {
  const ip = tryParseIp(text ?? "");
  if (ip === undefined) throw new ApiError(400, `Cannot read address "${text}": not an IPv4 or IPv6 address`);
  return ip;
}
