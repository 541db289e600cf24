// SPDX-License-Identifier: Apache-2.0
// The agent as the REST server sees it: one part for each group of calls.
import type { AgentApi, NodeAddressing } from "../../../src/api/index.ts";
import type { Metrics, Module } from "../../../src/core/index.ts";
import type { Prefilter } from "../../../src/datapath/index.ts";
import type { EventModule } from "../events.ts";
import { featureCalls } from "../features.ts";
import { createStatedbApi, type StatedbDeps, statedbTables } from "../statedb/index.ts";
import { version } from "../version.ts";
import { createCgroupCalls } from "./cgroups.ts";
import { createClusterHealthCalls } from "./cluster-health.ts";
import { type ConfigApiDeps, createConfigCalls } from "./config.ts";
import { createDebugInfoCalls } from "./debug-info.ts";
import { createEndpointCalls, type EndpointApiDeps } from "./endpoints.ts";
import { createIdentityCalls, type IdentityApiDeps } from "./identities.ts";
import { createIpamCalls, type IpamApiDeps } from "./ipam.ts";
import { createMapsApi, type MapsApiDeps } from "./maps.ts";
import { createPolicyCalls, type PolicyApiDeps } from "./policy.ts";
import { createPolicyHitsCalls, type PolicyHitsDeps } from "./policy-hits.ts";
import { createPrefilterCalls } from "./prefilter.ts";
import { type EndpointSwitches, optionValues, runtimeOptions } from "./runtime-options.ts";
import { createStatusCalls, type StatusApiDeps } from "./status.ts";

export interface AgentApiDeps {
  readonly hostAddressing: NodeAddressing;
  readonly status: StatusApiDeps;
  readonly config: Omit<ConfigApiDeps, "hostAddressing" | "changeable"> & { readonly switches: EndpointSwitches };
  readonly endpoints: Omit<EndpointApiDeps, "model" | "agentOptions">;
  readonly ipam: Omit<IpamApiDeps, "hostAddressing">;
  readonly identities: IdentityApiDeps;
  readonly policy: PolicyApiDeps;
  readonly policyHits: PolicyHitsDeps;
  /** Absent when it is off. */
  readonly prefilter: Prefilter | undefined;
  readonly events: EventModule;
  readonly metrics: Metrics;
  readonly maps: MapsApiDeps;
  readonly statedb: StatedbDeps;
}

/** The calls, and what has to run for them. */
export interface AgentApiParts {
  readonly api: AgentApi;
  /** In start order. */
  readonly modules: readonly Module[];
}

export function createAgentApi(deps: AgentApiDeps): AgentApiParts {
  const { hostAddressing, config, endpoints, metrics } = deps;
  const { modules, health, pathMtu, self } = deps.status;
  const model = {
    ...{ hostAddressing, defaults: config.switches },
    policyRevision: () => deps.policy.engine.revision,
  };
  const { datapath, switches } = config;
  const changeable = runtimeOptions({ runtimeConfig: () => datapath.maps.runtimeConfig, switches });
  const agentOptions = () => optionValues(changeable);
  const calls = {
    version: () => version,
    ...createStatusCalls(deps.status),
    ...createEndpointCalls({ ...endpoints, model, agentOptions }),
    ...createPolicyCalls(deps.policy),
  };
  const maps = createMapsApi(deps.maps);
  const api = {
    ...calls,
    ...createConfigCalls({ ...config, hostAddressing, changeable }),
    ...createIpamCalls({ ...deps.ipam, hostAddressing }),
    ...createIdentityCalls(deps.identities),
    ...createPolicyHitsCalls(deps.policyHits),
    ...createPrefilterCalls(deps.prefilter),
    ...createClusterHealthCalls(health, pathMtu, self),
    ...createDebugInfoCalls({ config: config.config, modules, calls }),
    ...createCgroupCalls(deps.policy.endpoints),
    ...featureCalls,
    ...maps.calls,
    statedb: createStatedbApi(statedbTables(deps.statedb)),
    metrics: () => metrics.values(),
    metricsText: () => metrics.text(),
    subscribeMonitor: (listener) => deps.events.subscribe(listener),
  } satisfies AgentApi;
  return { api, modules: [maps.module] };
}
