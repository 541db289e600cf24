// SPDX-License-Identifier: Apache-2.0
// All routes of the API.
import type { Route } from "../router.ts";
import { endpointRoutes } from "./endpoint.ts";
import { healthRoutes } from "./health.ts";
import { identityRoutes } from "./identity.ts";
import { ipamRoutes } from "./ipam.ts";
import { policyRoutes } from "./policy.ts";
import { prefilterRoutes } from "./prefilter.ts";

export const routes: readonly Route[] = [
  ...healthRoutes,
  ...endpointRoutes,
  ...identityRoutes,
  ...policyRoutes,
  ...prefilterRoutes,
  ...ipamRoutes,
];
