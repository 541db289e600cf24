// SPDX-License-Identifier: Apache-2.0
// The only import door of src/api.
export { formatEndpointId, parseEndpointId } from "./endpoint-id.ts";
export { AgentUnreachableError, ApiError } from "./errors.ts";
export type * from "./models.ts";
export type { AgentApi, DeleteResult, EndpointRef, IpamRequest, MonitorRecord } from "./types.ts";
