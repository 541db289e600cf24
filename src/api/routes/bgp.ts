// SPDX-License-Identifier: Apache-2.0
// BGP: there is none, which is what Cilium answers where it is off.
import { ApiError } from "../errors.ts";
import type { Parameter, Route } from "../router.ts";

const routerAsn: Parameter = { type: "integer", about: "Of which router; by default of all" };

export const bgpRoutes: readonly Route[] = [
  off("/bgp/peers", "peers", {}),
  off("/bgp/routes", "routes", {
    table_type: { type: "string", about: "Which table", values: ["loc-rib", "adj-rib-in", "adj-rib-out"] },
    afi: { type: "string", about: "Address family" },
    safi: { type: "string", about: "Subsequent address family" },
    router_asn: routerAsn,
    neighbor: { type: "string", about: "Address of the neighbour of whom adj-rib tables are" },
  }),
  off("/bgp/route-policies", "route policies", { router_asn: routerAsn }),
];

function off(path: string, what: string, query: NonNullable<Route["query"]>): Route {
  return {
    ...{ method: "GET", path, summary: `List BGP's ${what}; BGP is off`, query, answers: {}, errors: [501] },
    handle: () => {
      throw new ApiError(501, `Cannot list BGP's ${what}: BGP is off`);
    },
  };
}
