// SPDX-License-Identifier: Apache-2.0
// The agent itself: its version, how long its start took, what fails.
import type { Config, Health, Metrics } from "../../../src/core/index.ts";
import type { Datapath } from "../../../src/datapath/index.ts";
import { flowMapSizes } from "../map-options.ts";
import { options } from "../options.ts";
import { version } from "../version.ts";
import { registerFeatures } from "./features.ts";

export interface AgentMetricsDeps {
  readonly config: Config;
  readonly datapath: Pick<Datapath, "status" | "attachMode">;
  /** How the modules are; none before all are started. */
  readonly modules: () => ReadonlyMap<string, Health>;
}

/** Registers them, and gives what is to be called when the agent is up. */
export function registerAgent(metrics: Metrics, deps: AgentMetricsDeps): () => void {
  metrics
    .gauge({ name: "version", help: "Version of the agent", labels: ["version"] })
    .set(1, { version: version.version });
  metrics.gauge({
    ...{ name: "controllers_failing", help: "Things that the agent keeps in the kernel and could not bring about" },
    collect: (metric) => metric.set(deps.datapath.status().filter(({ state }) => state === "error").length),
  });
  metrics.gauge({
    ...{ name: "hive_status", help: "Modules of the agent by how they are", labels: ["status"] },
    collect(metric) {
      const states = [...deps.modules().values()].map(({ state }) => state);
      for (const status of ["ok", "degraded", "stopped"] as const) {
        metric.set(states.filter((state) => state === status).length, { status });
      }
    },
  });
  const flowMaps = flowMapSizes(deps.config);
  const sizes = [
    ["ct", flowMaps.ctTcp],
    ["ct-any", flowMaps.ctAny],
    ["nat", flowMaps.nat],
    ["policy", deps.config.get(options.policyMapMax)],
    ["ipcache", deps.config.get(options.ipcacheMax)],
  ] as const;
  metrics.gauge({
    ...{ name: "bpf_map_capacity", help: "Entries that maps have room for", labels: ["map_group"] },
    collect(metric) {
      for (const [group, size] of sizes) metric.set(size, { map_group: group });
    },
  });
  registerFeatures(metrics, deps);
  const bootstrap = metrics.gauge({
    name: "agent_bootstrap_seconds",
    help: "Seconds that the start of the agent took",
    labels: ["scope", "outcome"],
  });
  return () => bootstrap.set(process.uptime(), { scope: "overall", outcome: "success" });
}
