// SPDX-License-Identifier: Apache-2.0
// The agent as the REST server sees it: one part for each group of calls.
import type { AgentApi, NodeAddressing } from "../../../src/api/index.ts";
import type { Prefilter } from "../../../src/datapath/index.ts";
import type { EventModule } from "../events.ts";
import { version } from "../version.ts";
import { createClusterHealthCalls } from "./cluster-health.ts";
import { type ConfigApiDeps, createConfigCalls } from "./config.ts";
import { createEndpointCalls, type EndpointApiDeps } from "./endpoints.ts";
import { createIdentityCalls, type IdentityApiDeps } from "./identities.ts";
import { createIpamCalls, type IpamApiDeps } from "./ipam.ts";
import { createPolicyCalls, type PolicyApiDeps } from "./policy.ts";
import { createPolicyHitsCalls, type PolicyHitsDeps } from "./policy-hits.ts";
import { createPrefilterCalls } from "./prefilter.ts";
import { createStatusCalls, type StatusApiDeps } from "./status.ts";

export interface AgentApiDeps {
  readonly hostAddressing: NodeAddressing;
  readonly status: StatusApiDeps;
  readonly config: Omit<ConfigApiDeps, "hostAddressing">;
  readonly endpoints: Omit<EndpointApiDeps, "model"> & { readonly auditMode: boolean };
  readonly ipam: Omit<IpamApiDeps, "hostAddressing">;
  readonly identities: IdentityApiDeps;
  readonly policy: PolicyApiDeps;
  readonly policyHits: PolicyHitsDeps;
  /** Absent when it is off. */
  readonly prefilter: Prefilter | undefined;
  readonly events: EventModule;
  readonly metrics: () => Promise<string>;
}

export function createAgentApi(deps: AgentApiDeps): AgentApi {
  const { hostAddressing } = deps;
  return {
    version: () => version,
    ...createStatusCalls(deps.status),
    ...createConfigCalls({ ...deps.config, hostAddressing }),
    ...createEndpointCalls({
      ...deps.endpoints,
      model: { hostAddressing, auditMode: deps.endpoints.auditMode, policyRevision: () => deps.policy.engine.revision },
    }),
    ...createIpamCalls({ ...deps.ipam, hostAddressing }),
    ...createIdentityCalls(deps.identities),
    ...createPolicyCalls(deps.policy),
    ...createPolicyHitsCalls(deps.policyHits),
    ...createPrefilterCalls(deps.prefilter),
    ...createClusterHealthCalls(deps.status.health, deps.status.self),
    metrics: deps.metrics,
    subscribeMonitor: (listener) => deps.events.subscribe(listener),
  };
}
