// SPDX-License-Identifier: Apache-2.0
// What there is: identities and addresses.
import type { Gauge, Metrics, ReadonlyTable } from "../../../src/core/index.ts";
import { type IdentityRow, identityScope, isReservedIdentity } from "../../../src/identity/index.ts";
import type { Ipam } from "../../../src/ipam/index.ts";

export interface StateMetricsDeps {
  readonly identities: ReadonlyTable<IdentityRow, number>;
  readonly ipam: Pick<Ipam, "status">;
  /** Of the key-value store; absent where nothing is shared. */
  readonly shared?: SharedTables;
}

/** Tables with what comes from the key-value store, by its scope there. */
export interface SharedTables {
  readonly cluster: string;
  readonly tables: Readonly<Record<string, { readonly pendingInitializers: readonly string[] }>>;
}

const scopes = { cluster: "cluster_local", "local-cidr": "node_local", "remote-node": "remote_node" } as const;

/** What the nodes share through etcd; nothing with a store in memory. */
export function sharedTables(cluster: {
  readonly kvstore: { readonly backend: string };
  readonly self: string;
  readonly allocator: { readonly table: SharedTables["tables"][string] };
  readonly nodes: SharedTables["tables"][string];
  readonly ipcache: SharedTables["tables"][string];
}): { readonly shared?: SharedTables } {
  if (cluster.kvstore.backend === "memory") return {};
  const [name = ""] = cluster.self.split("/");
  const tables = { "identities/v1": cluster.allocator.table, "ip/v1": cluster.ipcache, "nodes/v1": cluster.nodes };
  return { shared: { cluster: name, tables } };
}

/** Registers them; they are counted when somebody asks. */
export function registerState(metrics: Metrics, { identities, ipam, shared }: StateMetricsDeps): void {
  if (shared !== undefined) registerInitialSync(metrics, shared);
  metrics.gauge({
    ...{ name: "identity", help: "Identities known, by what knows them", labels: ["type"] },
    collect: counted("type", ["reserved", ...Object.values(scopes)], () => Array.from(identities.all(), typeOf)),
  });
  metrics.gauge({
    ...{ name: "identity_label_sources", help: "Identities with labels of a source", labels: ["source"] },
    collect: counted("source", [], () =>
      [...identities.all()].flatMap(({ labels }) => [...new Set(Array.from(labels, ({ source }) => source))]),
    ),
  });
  metrics.gauge({
    ...{ name: "ipam_capacity", help: "Addresses that can be in use, by family", labels: ["family", "cidr"] },
    collect(metric) {
      for (const { family, cidr, capacity } of ipam.status()) {
        metric.set(Number(capacity), { family: `ipv${family}`, cidr });
      }
    },
  });
}

function registerInitialSync(metrics: Metrics, { cluster, tables }: SharedTables): void {
  metrics.gauge({
    name: "kvstore_initial_sync_completed",
    help: "Whether all that the key-value store held of a scope was read: 1",
    labels: ["scope", "source_cluster", "action"],
    collect(metric) {
      for (const [scope, { pendingInitializers }] of Object.entries(tables)) {
        const value = pendingInitializers.includes("kvstore") ? 0 : 1;
        metric.set(value, { scope, source_cluster: cluster, action: "read" });
      }
    },
  });
}

function typeOf({ id }: IdentityRow): string {
  if (isReservedIdentity(id)) return "reserved";
  return scopes[identityScope(id) ?? "cluster"];
}

/** Sets a gauge to how often each value is there; what was there once reads 0 later. */
function counted(label: string, always: readonly string[], values: () => readonly string[]): (gauge: Gauge) => void {
  const seen = new Set(always);
  return (gauge) => {
    const counts = new Map<string, number>();
    for (const value of values()) counts.set(value, (counts.get(value) ?? 0) + 1);
    for (const value of counts.keys()) seen.add(value);
    for (const value of seen) gauge.set(counts.get(value) ?? 0, { [label]: value });
  };
}
