// SPDX-License-Identifier: Apache-2.0
// The agent's tables, domains and datapath, made from the configuration and given to each other.
import {
  type Config,
  createJobMetrics,
  createReconcilerMetrics,
  type Metrics,
  systemClock,
} from "../../src/core/index.ts";
import { createDatapath, type Datapath } from "../../src/datapath/index.ts";
import { AgentSwitch, createEndpointManager, createEndpointTable } from "../../src/endpoint/index.ts";
import { createHealth, createPathMtu, type HealthModule, type PathMtuModule } from "../../src/health/index.ts";
import { createResourceTable, createStaticSource } from "../../src/kubernetes/index.ts";
import type { EndpointSwitches } from "./api/runtime-options.ts";
import { createCluster } from "./cluster.ts";
import { createEventModule } from "./events.ts";
import { createIdentityArrivals } from "./identity-arrivals.ts";
import { createIpamMetrics, createSweepMetrics } from "./metrics/index.ts";
import { portsOfPod } from "./named-ports.ts";
import { NatUse } from "./nat-use.ts";
import { options } from "./options.ts";
import { createPolicyParts } from "./policy-parts.ts";
import { createPrefilter } from "./prefilter.ts";
import { createSentTo } from "./sent-to.ts";
import { datapathConfig, deviceExists, healthConfig, localAddresses, podLabelConfig, statePaths } from "./settings.ts";

export type Parts = ReturnType<typeof createParts>;

/** Makes the parts; nothing is touched before their modules start. */
export function createParts(config: Config, metrics: Metrics) {
  const paths = statePaths(config);
  const local = localAddresses(config);
  const ipamEvents = createIpamMetrics(metrics);
  const resources = createResourceTable();
  const endpoints = createEndpointTable();
  const directory = config.get(options.staticResources);
  const sources = directory === "" ? [] : [createStaticSource({ resources }, { directory, keep: paths.manifests })];

  const jobs = createJobMetrics(metrics);
  const datapath = createDatapath(datapathConfig(config, local), createSweepMetrics(metrics, jobs));
  const podPorts = (namespace: string, name: string) => portsOfPod(resources, namespace, name);
  const reconciling = createReconcilerMetrics(metrics, jobs);
  const cluster = createCluster({ config, local, datapath, podPorts, metrics, reconciling });
  const events = createEventModule(datapath);
  const policyParts = createPolicyParts({
    ...{ config, cluster, resources, endpoints, families: local.families, events },
    directory: paths.policies,
  });
  const { engine } = policyParts;
  const switches = endpointSwitches(config, () => manager.regenerate("all"));
  const manager = createEndpointManager(
    {
      endpoints,
      datapath,
      allocator: cluster.allocator,
      addresses: {
        take: (ip, owner) => void local.ipam.restore(ip, owner),
        release: (ip) => void (local.ipam.release(ip) && ipamEvents("release", ip)),
      },
      announcer: cluster.announcer,
      resolvePolicy: (labels, identity) => engine.resolveEndpoint(labels, identity),
      policyOf: (cookie) => engine.ruleOf(cookie)?.policy || undefined,
      deviceExists,
      clock: systemClock,
      metrics: reconciling,
    },
    { directory: paths.endpoints, ...switches },
  );
  const arrivals = createIdentityArrivals({
    ...{ endpoints, allocator: cluster.allocator, arrivals: cluster.arrivals },
    known: () => datapath.maps.identities,
    patience: config.get(options.identityArrivalTimeout),
  });
  const { podAddresses } = policyParts;
  const podLabels = {
    ...podLabelConfig(config),
    ...(podAddresses === undefined ? {} : { addressLabels: podAddresses.labelsOf }),
  };
  const prefilter = createPrefilter(config, local);
  return {
    config,
    jobs,
    ipamEvents,
    local,
    resources,
    endpoints,
    sources,
    datapath,
    natUse: new NatUse(datapath),
    cluster,
    ...policyParts,
    manager,
    switches,
    arrivals,
    events,
    ...healthOf(config, cluster, datapath),
    podLabels,
    prefilter,
  };
}

/** What endpoints follow that do not decide themselves; `regenerate` is called for what is in their slots. */
function endpointSwitches(config: Config, regenerate: () => void): EndpointSwitches {
  return {
    auditMode: new AgentSwitch(config.get(options.policyAuditMode), regenerate),
    sourceIpVerification: new AgentSwitch(config.get(options.enableSourceIpVerification), regenerate),
    debugPolicy: new AgentSwitch(false),
  };
}

/** Both undefined when nodes are not probed. */
function healthOf(
  config: Config,
  { nodes, self }: ReturnType<typeof createCluster>,
  datapath: Pick<Datapath, "mtu" | "maps">,
): { readonly health: HealthModule | undefined; readonly pathMtu: PathMtuModule | undefined } {
  if (!config.get(options.enableHealthChecking)) return { health: undefined, pathMtu: undefined };
  const health = createHealth(
    { nodes, clock: systemClock, sentTo: createSentTo(datapath) },
    healthConfig(config, self),
  );
  const pathMtu = createPathMtu({ targets: health.table, mtu: () => datapath.mtu, clock: systemClock }, self);
  return { health, pathMtu };
}
