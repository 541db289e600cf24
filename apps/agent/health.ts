// SPDX-License-Identifier: Apache-2.0
// What probes other nodes and is probed by them, wired.
import { type Config, type Metrics, type Module, systemClock } from "../../src/core/index.ts";
import { createHealthEndpoint } from "./health-endpoint.ts";
import { createHealthMetrics } from "./health-metrics.ts";
import { isChaining, options } from "./options.ts";
import type { Parts } from "./parts.ts";
import { createNarrowRoutes } from "./path-mtu.ts";
import { statePaths } from "./settings.ts";

export interface HealthModules {
  /** To be started when endpoints of the run before are restored. */
  readonly endpoint: Module;
  readonly probing: readonly Module[];
}

/** Without `enable-health-checking` nothing is probed, and a health endpoint of an earlier run goes. */
export function createHealthModules(parts: Parts, config: Config, metrics: Metrics): HealthModules {
  const { cluster, datapath, health, pathMtu } = parts;
  const endpoint = createHealthEndpoint(
    {
      ...parts,
      ipam: parts.local.ipam,
      mtu: () => datapath.mtu,
      announce: cluster.announceHealth,
      ready(netns) {
        health?.serveEndpoint(netns);
        pathMtu?.measureFrom(netns);
      },
      clock: systemClock,
    },
    {
      // Where other plugins give addresses there is none for it.
      enabled: health !== undefined && !isChaining(config) && config.get(options.enableEndpointHealthChecking),
      netnsPath: statePaths(config).healthNetns,
    },
  );
  if (health === undefined || pathMtu === undefined) return { endpoint, probing: [] };
  const probing = [
    health,
    pathMtu,
    createNarrowRoutes({ paths: pathMtu.table, narrow: cluster.narrowRoutes }),
    createHealthMetrics({ metrics, paths: health.table, mtus: pathMtu.table }),
  ];
  return { endpoint, probing };
}
