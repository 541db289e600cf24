// SPDX-License-Identifier: Apache-2.0
// What the REST API's parts get of the agent.
import { type Health, type Metrics, systemClock } from "../../src/core/index.ts";
import { mapPinRoot } from "../../src/datapath/index.ts";
import { isAudited } from "../../src/endpoint/index.ts";
import type { AgentApiDeps } from "./api/agent-api.ts";
import { policyAttribution } from "./api/endpoint-policy.ts";
import { mapCaches } from "./api/map-caches.ts";
import { mapSizes } from "./api/map-sizes.ts";
import { ipvlanConfiguration } from "./ipvlan.ts";
import { masqueradingStatus } from "./masquerade.ts";
import { options } from "./options.ts";
import type { Parts } from "./parts.ts";
import { hostAddressing, routingStatus } from "./settings.ts";

/** What only the running agent knows. */
export interface RunningState {
  readonly modules: () => ReadonlyMap<string, Health>;
  readonly metrics: Metrics;
}

export function agentApiDeps(parts: Parts, { modules, metrics }: RunningState): AgentApiDeps {
  const { config, local, cluster, datapath, endpoints, engine, events, manager, policies, podLabels, resources } =
    parts;
  const { ipam } = local;
  const { self, kvstore, ipcache, nodes } = cluster;
  return {
    hostAddressing: hostAddressing(config, local),
    status: {
      ...{
        modules,
        kvstore,
        ipam,
        datapath,
        events: () => events.counts(),
        self,
        health: parts.health,
        pathMtu: parts.pathMtu,
      },
      hostFirewall: config.get(options.enableHostFirewall),
      masquerading: () => masqueradingStatus(config, local, datapath),
      cniChaining: config.get(options.cniChainingMode),
      mapSizes: mapSizes(config),
      datapathMode: config.get(options.datapathMode),
      routing: routingStatus(config),
    },
    config: { config, datapath, engine, switches: parts.switches },
    endpoints: {
      ...{ endpoints, manager, ipam, resources, podLabels },
      identityArrived: (identity) => parts.arrivals.arrived(identity),
      policyOf: (row) => policyAttribution({ engine, policies }, row, isAudited(row, parts.switches)),
      hasPodSource: parts.sources.length > 0,
      isMaster: (ifindex) => ipvlanConfiguration(config)?.masterDeviceIndex === ifindex,
    },
    ipam: { ipam, endpoints, observe: parts.ipamEvents },
    identities: {
      ...{ identities: cluster.allocator.table, endpoints, ipcache, nodes, self },
      nodeAddresses: cluster.nodeAddresses,
    },
    policy: { engine, module: parts.policy, policies, endpoints },
    policyHits: { engine, datapath },
    prefilter: parts.prefilter,
    events,
    metrics,
    maps: {
      caches: mapCaches({ endpoints, ipcache, nodeAddresses: cluster.nodeAddresses }),
      ...{ pins: mapPinRoot(config.get(options.bpfRoot)), now: () => systemClock.now() },
    },
    statedb: {
      ...parts,
      ...{ identities: cluster.allocator.table, ipcache, nodes, nodeAddresses: cluster.nodeAddresses, modules, ipam },
      nodeHealth: parts.health?.table,
    },
  };
}
