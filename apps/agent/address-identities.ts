// SPDX-License-Identifier: Apache-2.0
// Wires the identities that this node gives to addresses: what they ask of endpoints and policy, and where they are kept.
import { type Health, type Labels, type Module, type ReadonlyTable, systemClock } from "../../src/core/index.ts";
import type { EndpointRow } from "../../src/endpoint/index.ts";
import { LocalIdentities, localIdentityRange, remoteNodeIdentityRange } from "../../src/identity/index.ts";
import {
  AddressIdentities,
  type NodeLabelsOptions,
  PrefixLabels,
  prefixEntry,
  remoteNodeLabels,
} from "../../src/ipcache/index.ts";
import type { PolicyEngine, PolicyRow } from "../../src/policy/index.ts";
import type { ApiServers } from "./api-servers.ts";
import type { Cluster } from "./cluster.ts";
import { IdentityFile } from "./identity-file.ts";

/** How often identities that may go are looked for, ms. */
const sweepMs = 10_000;

export interface AddressIdentityModuleDeps {
  readonly engine: PolicyEngine;
  readonly cluster: Pick<Cluster, "identityTable" | "ipcacheClaims" | "nodes">;
  readonly policies: ReadonlyTable<PolicyRow, string>;
  readonly endpoints: ReadonlyTable<EndpointRow, number>;
  readonly apiServers: ApiServers;
  /** How policy knows addresses. */
  readonly options: NodeLabelsOptions;
  /** Folder of the files that keep numbers over a restart. */
  readonly directory: string;
}

export interface AddressIdentityModule extends Module {
  /** To be called when endpoints begin to follow the policies in force. */
  open(): void;
  /** To be called when what policies refer to has changed. */
  changed(): void;
}

/** Identities of the prefixes that policies speak of; to be started before the ipcache is reconciled. */
export function createPolicyPrefixes(deps: AddressIdentityModuleDeps): AddressIdentityModule {
  const { engine, cluster, policies } = deps;
  const labels = new PrefixLabels(deps.options);
  const owner = "policy";
  return createModule(deps, {
    name: "policy-prefixes",
    range: localIdentityRange,
    wanted() {
      const apiServers = [...deps.apiServers.addresses()].filter((ip) => cluster.nodes.by("ip", ip).length === 0);
      return labels.of(engine.prefixes(), { apiServers, podPrefixes: podPrefixes(cluster.nodes) });
    },
    tell(prefix, identity) {
      if (identity === undefined) cluster.ipcacheClaims.remove(owner, prefix);
      else cluster.ipcacheClaims.upsert(owner, prefixEntry(prefix, identity));
    },
    sources: [policies, cluster.nodes, deps.apiServers],
  });
}

/** Identities of other nodes, where policies can tell them apart; to be started before the ipcache is reconciled. */
export function createNodeIdentities(deps: AddressIdentityModuleDeps): AddressIdentityModule {
  const { cluster, options } = deps;
  return createModule(deps, {
    name: "node-identities",
    range: remoteNodeIdentityRange,
    wanted: () => remoteNodeLabels(cluster.nodes.all(), options),
    tell: (prefix, identity) => cluster.ipcacheClaims.setNodeIdentity(prefix, identity),
    sources: [cluster.nodes, deps.apiServers],
  });
}

interface Kind {
  readonly name: string;
  readonly range: typeof localIdentityRange;
  readonly wanted: () => ReadonlyMap<string, Labels>;
  readonly tell: (prefix: string, identity: number | undefined) => void;
  /** Whose changes change what is wanted. */
  readonly sources: readonly { onChange(listener: () => void): Disposable }[];
}

function createModule(deps: AddressIdentityModuleDeps, kind: Kind): AddressIdentityModule {
  const { cluster, endpoints, engine } = deps;
  const file = new IdentityFile(deps.directory, kind.name);
  const identities = new AddressIdentities(
    {
      identities: new LocalIdentities(cluster.identityTable, kind.range),
      clock: systemClock,
      wanted: kind.wanted,
      settled: () => [...endpoints.all()].every(isSettled),
      learn: (rows) => engine.upsertIdentities(rows),
      tell: kind.tell,
      save: (state) => file.save(state),
    },
    { name: kind.name },
  );
  const watches: Disposable[] = [];
  let sweep: NodeJS.Timeout | undefined;
  return {
    name: kind.name,
    async start() {
      const state = file.load();
      if (state !== undefined) identities.restore(state);
      for (const source of kind.sources) watches.push(source.onChange(() => identities.changed()));
      watches.push(endpoints.onChange(() => identities.advance()));
      sweep = setInterval(() => identities.advance(), sweepMs);
    },
    async stop() {
      clearInterval(sweep);
      for (const watch of watches.splice(0)) watch[Symbol.dispose]();
    },
    health: (): Health => identities.health(),
    open: () => identities.open(),
    changed: () => identities.changed(),
  };
}

/** Whether the kernel has the endpoint's policy as it is in force, or never had one. */
export function isSettled({ phase, status }: EndpointRow): boolean {
  return phase !== "restoring" && !(phase === "active" && status.kind === "pending");
}

function podPrefixes(nodes: Cluster["nodes"]): readonly string[] {
  return [...nodes.all()].flatMap(({ ipv4PodCidr, ipv6PodCidr }) =>
    [ipv4PodCidr, ipv6PodCidr].filter((prefix) => prefix !== undefined),
  );
}
