// SPDX-License-Identifier: Apache-2.0
// JSON models of the agent's REST API; field names as Cilium's openapi has them. Times are RFC 3339 strings.
export type * from "./models/config.ts";
export type * from "./models/daemon.ts";
export type * from "./models/endpoint.ts";
export type * from "./models/health.ts";
export type * from "./models/identity.ts";
export type * from "./models/ipam.ts";
export type * from "./models/map.ts";
export type * from "./models/node.ts";
export type * from "./models/policy.ts";
export type * from "./models/request.ts";
export type * from "./models/statedb.ts";
export type * from "./models/status.ts";
