// SPDX-License-Identifier: Apache-2.0
// The only import door of src/health.

export { createHealth, type HealthConfig, type HealthDeps, type HealthModule } from "./module.ts";
export { createPathMtu, type PathMtuModule } from "./mtu/module.ts";
export { isBlackHole, type PathMtuRow } from "./mtu/types.ts";
export { openAllowedPing, Pinger } from "./ping.ts";
export { brokenPaths, firstOf, medianLatency, type NodeHealth, nodeReachable, nodesHealth } from "./summary.ts";
export { createHealthTable } from "./table.ts";
export {
  type HealthRow,
  healthKey,
  type PathState,
  type ProbeProtocol,
  type ProbeResult,
  probeProtocols,
  reachable,
  type TargetKind,
} from "./types.ts";
