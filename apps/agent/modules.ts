// SPDX-License-Identifier: Apache-2.0
// The agent's modules, wired and in start order.
import {
  type Config,
  createLogger,
  createMetrics,
  type Health,
  type Metrics,
  type Module,
  metricChoice,
  type RunningModules,
  systemClock,
} from "../../src/core/index.ts";
import type { Datapath } from "../../src/datapath/index.ts";
import { createPodLabelSync } from "../../src/endpoint/index.ts";
import { createAgentApi } from "./api/agent-api.ts";
import { agentApiDeps } from "./api-deps.ts";
import { createDeleteReplay } from "./delete-replay.ts";
import { createEndpointGc } from "./endpoint-gc.ts";
import { createFeatureModule } from "./features.ts";
import { createGate } from "./gate.ts";
import { createHealthModules } from "./health.ts";
import { createHostEndpoint } from "./host-endpoint.ts";
import { createLiveness } from "./liveness.ts";
import { createLock } from "./lock.ts";
import { createMasquerade } from "./masquerade.ts";
import {
  createApiMetrics,
  createChangeMetrics,
  registerAgent,
  registerLimiters,
  sharedTables,
} from "./metrics/index.ts";
import { createMetricsModule, registerMetrics } from "./metrics.ts";
import { createNodeLabels } from "./node-labels.ts";
import { createNotifications } from "./notifications.ts";
import { options } from "./options.ts";
import { createParts, type Parts } from "./parts.ts";
import { createPolicyDelays } from "./policy-delays.ts";
import { createPolicyLink } from "./policy-link.ts";
import { createPrefilterModule } from "./prefilter.ts";
import { createRuntimeConfig } from "./runtime-config.ts";
import { createServers } from "./servers.ts";
import { deviceExists, statePaths } from "./settings.ts";

export interface Agent {
  /** In start order. */
  readonly modules: readonly Module[];
  /** To be called when one is started. */
  onStarted(module: string, seconds: number): void;
  /** To be called when all are started: lets status see them. */
  started(running: RunningModules): void;
}

const log = createLogger("metrics");

/** Makes everything; nothing is touched before the modules start. */
export function createAgentModules(config: Config): Agent {
  const paths = statePaths(config);
  let running: RunningModules | undefined;
  const metrics = createMetrics({ choice: metricChoice(config.get(options.metrics)) });
  const parts = createParts(config, metrics);
  const { cluster, datapath, endpoints, engine, events, manager, policy, resources, sources } = parts;
  registerParts(metrics, parts);
  const modules = () => running?.health() ?? new Map<string, Health>();
  const { api, modules: ofApi } = createAgentApi(agentApiDeps(parts, { modules, metrics }));
  const servers = createServers({ api, paths, config, observe: createApiMetrics(metrics) });
  registerLimiters(metrics, servers.limiters);
  const isUp = registerAgent(metrics, { ...parts, modules });
  const health = createHealthModules(parts, config, metrics);
  return {
    modules: [
      createLock(paths.stateDir),
      createRuntimeConfig(config, paths.endpoints),
      ...sources,
      createChangeMetrics(metrics, { endpoints, ...cluster }),
      datapathModule(datapath),
      createMasquerade(config, parts.local, datapath),
      createPrefilterModule(parts.prefilter, config.get(options.bpfRoot)),
      parts.prefixes,
      parts.nodeIdentities,
      ...cluster.modules,
      parts.references,
      parts.namedPorts,
      policy,
      manager,
      cluster.restored,
      createPolicyLink({ engine, manager, endpoints }),
      parts.arrivals,
      createPolicyDelays({ engine, endpoints, metrics, clock: systemClock }),
      podLabelSync(parts),
      createHostEndpoint({ config, resources, manager }),
      createNodeLabels({ config, resources, cluster }),
      parts.confirm,
      health.endpoint,
      createGate({ resources, identities: cluster.allocator.table, open: () => openAll(parts) }),
      events,
      ...ofApi,
      servers.api,
      ...health.probing,
      ...(parts.health === undefined ? [] : [servers.health]),
      servers.monitor,
      servers.shell,
      createNotifications({ ...parts, ipcache: cluster.ipcache, clock: systemClock }),
      servers.cni,
      createDeleteReplay(paths.socket, api),
      endpointGc(parts),
      createMetricsModule(metrics, config.get(options.prometheus)),
      createLiveness(api, config.get(options.agentHealthPort)),
      createFeatureModule(),
    ],
    onStarted: (module, seconds) => parts.jobs.ran("oneshot", { module, job: "start", seconds, ok: true }),
    started(all) {
      running = all;
      isUp();
      tellUnknown(metrics);
    },
  };
}

function registerParts(metrics: Metrics, parts: Parts): void {
  const { cluster, local } = parts;
  const identities = cluster.allocator.table;
  registerMetrics(metrics, { ...parts, ...local, ...cluster, identities, ...sharedTables(cluster) });
}

/** Endpoints are written from now on. */
function openAll({ guard, manager, arrivals, openAddresses }: Parts): void {
  guard.settle();
  manager.open();
  arrivals.open();
  openAddresses();
}

function tellUnknown(metrics: Metrics): void {
  const names = metrics.unknown().join(" ");
  if (names !== "") log.warn("There are no metrics of these names (key metrics)", { names });
}

function endpointGc({ config, endpoints, manager, jobs }: Parts): Module {
  const interval = config.get(options.endpointGcInterval);
  return createEndpointGc({ endpoints, manager, jobs, deviceExists, clock: systemClock }, interval);
}

function podLabelSync({ resources, endpoints, manager, podAddresses, podLabels }: Parts): Module {
  const following = podAddresses === undefined ? {} : { onAddressLabels: podAddresses.onChange };
  return createPodLabelSync({ resources, endpoints, manager, ...following }, podLabels);
}

function datapathModule(datapath: Datapath): Module {
  return {
    name: "datapath",
    start: () => datapath.start(),
    stop: () => datapath.stop(),
    health() {
      const failing = datapath.status().filter((row) => row.state === "error");
      const first = failing[0];
      if (first === undefined) return { state: "ok" };
      return { state: "degraded", message: `${first.kind} ${first.name}: ${first.error ?? "failing"}` };
    },
  };
}
