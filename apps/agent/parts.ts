// SPDX-License-Identifier: Apache-2.0
// The agent's tables, domains and datapath, made from the configuration and given to each other.
import { type Config, systemClock } from "../../src/core/index.ts";
import { createDatapath } from "../../src/datapath/index.ts";
import { createEndpointManager, createEndpointTable } from "../../src/endpoint/index.ts";
import { createResourceTable, createStaticSource } from "../../src/kubernetes/index.ts";
import {
  createPolicyModule,
  createPolicyReferences,
  createPolicyTable,
  PolicyEngine,
  PolicyStore,
} from "../../src/policy/index.ts";
import { createCluster } from "./cluster.ts";
import { createEventModule } from "./events.ts";
import { options } from "./options.ts";
import { createPolicyPrefixModule } from "./policy-prefixes.ts";
import { createPrefilter } from "./prefilter.ts";
import { datapathConfig, deviceExists, localAddresses, podLabelConfig, statePaths } from "./settings.ts";

export type Parts = ReturnType<typeof createParts>;

/** Makes the parts; nothing is touched before their modules start. */
export function createParts(config: Config) {
  const paths = statePaths(config);
  const local = localAddresses(config);
  const resources = createResourceTable();
  const endpoints = createEndpointTable();
  const policies = createPolicyTable();
  const directory = config.get(options.staticResources);
  const sources = directory === "" ? [] : [createStaticSource({ resources }, { directory, keep: paths.manifests })];

  const datapath = createDatapath(datapathConfig(config, local));
  const cluster = createCluster({ config, local, datapath });
  const identities = cluster.allocator.table;
  const store = new PolicyStore(paths.policies);
  const engine = new PolicyEngine({
    mode: config.get(options.enablePolicy),
    cluster: config.get(options.clusterName),
    policyDefaultLocalCluster: config.get(options.policyDefaultLocalCluster),
    nodeSelectorLabels: config.get(options.enableNodeSelectorLabels),
    hostFirewall: config.get(options.enableHostFirewall),
    cookies: store.loadCookies(),
  });
  const policy = createPolicyModule({ engine, policies, resources, identities, store });
  const families = ([4, 6] as const).filter((family) => local.ipam.router(family) !== undefined);
  const prefixes = createPolicyPrefixModule({
    ...{ engine, cluster, policies, endpoints, families },
    directory: paths.policies,
  });
  const references = createPolicyReferences({
    ...{ engine, resources, policies },
    cluster: config.get(options.clusterName),
    changed: () => prefixes.changed(),
  });
  const manager = createEndpointManager(
    {
      endpoints,
      datapath,
      allocator: cluster.allocator,
      addresses: {
        take: (ip, owner) => void local.ipam.restore(ip, owner),
        release: (ip) => void local.ipam.release(ip),
      },
      announcer: cluster.announcer,
      resolvePolicy: (labels, identity) => engine.resolveEndpoint(labels, identity),
      policyOf: (cookie) => engine.ruleOf(cookie)?.policy || undefined,
      deviceExists,
      clock: systemClock,
    },
    { directory: paths.endpoints, auditMode: config.get(options.policyAuditMode) },
  );
  const events = createEventModule(datapath);
  const podLabels = podLabelConfig(config);
  const prefilter = createPrefilter(config, local);
  return {
    config,
    local,
    resources,
    endpoints,
    policies,
    sources,
    datapath,
    cluster,
    engine,
    policy,
    prefixes,
    references,
    manager,
    events,
    podLabels,
    prefilter,
  };
}
