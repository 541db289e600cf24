// SPDX-License-Identifier: Apache-2.0
// The agent's metrics by what they are about.
export { registerAgent } from "./agent.ts";
export { createApiMetrics, createIpamMetrics, registerLimiters } from "./api.ts";
export { registerBpf } from "./bpf.ts";
export { createChangeMetrics } from "./changes.ts";
export { type EndpointMetricsDeps, registerEndpoints } from "./endpoints.ts";
export { registerNat } from "./nat.ts";
export { type PolicyMetricsDeps, registerPolicyMetrics } from "./policy.ts";
export { registerState, type SharedTables, sharedTables } from "./state.ts";
export { createSweepMetrics, registerSweeps } from "./sweeps.ts";
export { registerTraffic } from "./traffic.ts";
