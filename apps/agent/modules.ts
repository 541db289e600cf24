// SPDX-License-Identifier: Apache-2.0
// The agent's modules, wired and in start order.
import { createApiServer, createMonitorServer } from "../../src/api/index.ts";
import { type Config, createMetrics, type Module, type RunningModules, systemClock } from "../../src/core/index.ts";
import { createDatapath, type Datapath } from "../../src/datapath/index.ts";
import { createEndpointManager, createEndpointTable, createPodLabelSync } from "../../src/endpoint/index.ts";
import { createResourceTable, createStaticSource } from "../../src/kubernetes/index.ts";
import { createPolicyModule, createPolicyTable, PolicyEngine, PolicyStore } from "../../src/policy/index.ts";
import { createAgentApi } from "./api/agent-api.ts";
import { createCluster } from "./cluster.ts";
import { createDeleteReplay } from "./delete-replay.ts";
import { createEventModule } from "./events.ts";
import { createGate } from "./gate.ts";
import { createLock } from "./lock.ts";
import { createMetricsModule, registerMetrics } from "./metrics.ts";
import { options } from "./options.ts";
import { createPolicyLink } from "./policy-link.ts";
import { datapathConfig, deviceExists, hostAddressing, localAddresses, podLabelConfig, statePaths } from "./settings.ts";

export interface Agent {
  /** In start order. */
  readonly modules: readonly Module[];
  /** To be called when all are started: lets status see them. */
  started(running: RunningModules): void;
}

/** Makes everything; nothing is touched before the modules start. */
export function createAgentModules(config: Config): Agent {
  const paths = statePaths(config);
  const local = localAddresses(config);
  let running: RunningModules | undefined;

  const metrics = createMetrics();
  const resources = createResourceTable();
  const endpoints = createEndpointTable();
  const policies = createPolicyTable();
  const staticDirectory = config.get(options.staticResources);
  const sources = staticDirectory === "" ? [] : [createStaticSource({ resources }, { directory: staticDirectory })];
  const podLabels = podLabelConfig(config);

  const datapath = createDatapath(datapathConfig(config, local));
  const cluster = createCluster({ config, local, datapath });
  const policyStore = new PolicyStore(paths.policies);
  const engine = new PolicyEngine({
    mode: config.get(options.enablePolicy),
    cluster: config.get(options.clusterName),
    cookies: policyStore.loadCookies(),
  });
  const { allocator } = cluster;
  const policy = createPolicyModule({ engine, policies, resources, identities: allocator.table, store: policyStore });
  const manager = createEndpointManager(
    {
      endpoints,
      datapath,
      allocator,
      addresses: { take: (ip, owner) => void local.ipam.restore(ip, owner), release: (ip) => void local.ipam.release(ip) },
      announcer: cluster.announcer,
      resolvePolicy: (labels, identity) => engine.resolveEndpoint(labels, identity),
      deviceExists,
      hostAddresses: () => local.all,
      clock: systemClock,
    },
    { directory: paths.endpoints, auditMode: config.get(options.policyAuditMode) },
  );
  const events = createEventModule(datapath);
  const api = createAgentApi({
    hostAddressing: hostAddressing(config, local),
    status: {
      modules: () => running?.health() ?? new Map(),
      kvstore: cluster.kvstore,
      ipam: local.ipam,
      datapath,
      events: () => events.counts(),
      self: cluster.self,
    },
    config: { config, datapath, engine },
    endpoints: {
      ...{ endpoints, manager, ipam: local.ipam, resources, podLabels },
      hasPodSource: sources.length > 0,
      auditMode: config.get(options.policyAuditMode),
    },
    ipam: { ipam: local.ipam, endpoints },
    identities: { identities: allocator.table, endpoints, ipcache: cluster.ipcache, nodes: cluster.nodes, self: cluster.self },
    policy: { engine, module: policy, policies, endpoints },
    events,
    metrics: () => metrics.text(),
  });
  registerMetrics(metrics, { endpoints, identities: allocator.table, policies, engine, manager, datapath, ipam: local.ipam });
  const server = createApiServer({ api, socketPath: paths.socket });
  const monitor = createMonitorServer({ api, socketPath: paths.monitor });

  return {
    modules: [
      createLock(paths.stateDir),
      ...sources,
      datapathModule(datapath),
      ...cluster.modules,
      policy,
      manager,
      cluster.restored,
      createPolicyLink({ engine, manager, endpoints }),
      createPodLabelSync({ resources, endpoints, manager }, podLabels),
      createGate({ resources, identities: allocator.table, open: () => manager.open() }),
      events,
      { name: "api", start: () => server.start(), stop: () => server.stop() },
      { name: "monitor", start: () => monitor.start(), stop: () => monitor.stop() },
      createDeleteReplay(paths.socket, api),
      createMetricsModule(metrics, config.get(options.prometheus)),
    ],
    started(modules) {
      running = modules;
    },
  };
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
