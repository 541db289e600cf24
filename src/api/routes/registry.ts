// SPDX-License-Identifier: Apache-2.0
// All routes of the agent's socket.
import { agentBase, type Route, type RouteGroup } from "../router.ts";
import { bgpRoutes } from "./bgp.ts";
import { endpointRoutes } from "./endpoint.ts";
import { healthRoutes } from "./health.ts";
import { identityRoutes } from "./identity.ts";
import { ipamRoutes } from "./ipam.ts";
import { mapRoutes } from "./map.ts";
import { policyRoutes } from "./policy.ts";
import { prefilterRoutes } from "./prefilter.ts";
import { statedbBase, statedbRoutes } from "./statedb.ts";

const routes: readonly Route[] = [
  ...healthRoutes,
  ...endpointRoutes,
  ...identityRoutes,
  ...policyRoutes,
  ...prefilterRoutes,
  ...mapRoutes,
  ...ipamRoutes,
  ...bgpRoutes,
];

export const agentRoutes: readonly RouteGroup[] = [
  { base: agentBase, list: routes },
  { base: statedbBase, list: statedbRoutes },
];
