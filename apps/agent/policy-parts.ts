// SPDX-License-Identifier: Apache-2.0
// The agent's parts that are about policy, made from the configuration and given to each other.
import { type Config, systemClock, type Table } from "../../src/core/index.ts";
import type { EndpointRow } from "../../src/endpoint/index.ts";
import { Identity } from "../../src/identity/index.ts";
import { hostPeerLabels } from "../../src/ipcache/index.ts";
import type { ResourceRow } from "../../src/kubernetes/index.ts";
import {
  cidrLabel,
  createPolicyModule,
  createPolicyReferences,
  createPolicyTable,
  HostPolicyGuard,
  PolicyEngine,
  PolicyStore,
} from "../../src/policy/index.ts";
import { createNodeIdentities, createPolicyPrefixes } from "./address-identities.ts";
import { ApiServers } from "./api-servers.ts";
import type { Cluster } from "./cluster.ts";
import type { EventModule } from "./events.ts";
import { createNamedPorts } from "./named-ports.ts";
import { options } from "./options.ts";
import { PodAddresses } from "./pod-addresses.ts";
import { createPolicyConfirm } from "./policy-confirm.ts";

export interface PolicyPartsDeps {
  readonly config: Config;
  readonly cluster: Cluster;
  readonly resources: Table<ResourceRow, string>;
  readonly endpoints: Table<EndpointRow, number>;
  readonly families: readonly (4 | 6)[];
  /** Folder of what policy keeps over a restart. */
  readonly directory: string;
  readonly events: Pick<EventModule, "notify">;
}

/** Makes the parts; nothing is touched before their modules start. */
export function createPolicyParts(deps: PolicyPartsDeps) {
  const { config, cluster, resources, endpoints, families, directory, events } = deps;
  const matchMode = config.get(options.policyCidrMatchMode);
  const policies = createPolicyTable();
  const store = new PolicyStore(directory);
  const engine = new PolicyEngine({
    mode: config.get(options.enablePolicy),
    cluster: config.get(options.clusterName),
    policyDefaultLocalCluster: config.get(options.policyDefaultLocalCluster),
    nodeSelectorLabels: config.get(options.enableNodeSelectorLabels),
    cidrMatchMode: matchMode,
    hostFirewall: config.get(options.enableHostFirewall),
    cookies: store.loadCookies(),
  });
  const guard = new HostPolicyGuard({
    engine,
    store: { load: () => store.loadConfirmed(), save: (confirmed) => store.saveConfirmed(confirmed) },
    clock: systemClock,
    patience: config.get(options.policyConfirmTimeout),
  });
  guard.restore();
  const policy = createPolicyModule({
    engine: guard.engine,
    policies,
    resources,
    identities: cluster.allocator.table,
    store,
  });
  const apiServers = new ApiServers(resources);
  const addressIdentities = {
    ...{ engine, cluster, policies, endpoints, directory, apiServers },
    options: {
      apiServers: () => apiServers.addresses(),
      byLabel: config.get(options.enableNodeSelectorLabels),
      byAddress: matchMode.includes("nodes"),
      families,
      label: cidrLabel,
    },
  };
  const self = cluster.nodes.get(cluster.self);
  if (self !== undefined) {
    const labels = hostPeerLabels(self, addressIdentities.options);
    cluster.identityTable.upsert({ id: Identity.host, labels, source: "reserved" });
  }
  const prefixes = createPolicyPrefixes(addressIdentities);
  const nodeIdentities = createNodeIdentities(addressIdentities);
  const podAddresses = matchMode.includes("pods") ? new PodAddresses(engine) : undefined;
  policies.onChange(() => podAddresses?.changed());
  const references = createPolicyReferences({
    ...{ engine, resources, policies },
    cluster: config.get(options.clusterName),
    changed: () => {
      prefixes.changed();
      podAddresses?.changed();
    },
  });
  const namedPorts = createNamedPorts({ engine, ipcache: cluster.ipcache });
  const confirm = createPolicyConfirm({ config, guard, engine, endpoints, policies, events, nodes: cluster.nodes });
  return {
    ...{ policies, engine, guard, confirm, policy, references, namedPorts },
    ...{ prefixes, nodeIdentities, podAddresses },
    /** To be called when endpoints begin to follow the policies in force. */
    openAddresses() {
      prefixes.open();
      nodeIdentities.open();
      podAddresses?.open();
    },
  };
}
