// SPDX-License-Identifier: Apache-2.0
// What this node shares with the others: identities, nodes and addresses, through the key-value store.
import { readFileSync } from "node:fs";
import type {
  Config,
  Metrics,
  Module,
  ReadonlyTable,
  Reconciler,
  ReconcilerMetrics,
  Table,
} from "../../src/core/index.ts";
import type { Datapath } from "../../src/datapath/index.ts";
import { type EndpointAnnouncer, storedIdentities } from "../../src/endpoint/index.ts";
import {
  createIdentityTable,
  createKvstoreIdentityAllocator,
  IdentityArrivals,
  type IdentityRow,
  type KvstoreIdentityAllocator,
  restoreIdentities,
} from "../../src/identity/index.ts";
import {
  createIpcache,
  createIpcacheReconciler,
  createNodeMap,
  type Ipcache,
  type IpcacheRow,
  type NodeMap,
  type PodPort,
} from "../../src/ipcache/index.ts";
import { createKvstore, type Kvstore } from "../../src/kvstore/index.ts";
import { createNodes, type NodeRow } from "../../src/node/index.ts";
import { createNodeRoutes } from "./node-routes.ts";
import { options } from "./options.ts";
import { type LocalAddresses, statePaths } from "./settings.ts";

export interface ClusterDeps {
  readonly config: Config;
  readonly local: LocalAddresses;
  readonly datapath: Pick<Datapath, "maps" | "setRemoteNodes">;
  readonly metrics: Metrics;
  /** Counts what reconcilers do. */
  readonly reconciling: ReconcilerMetrics;
  /** The named ports of a pod, as far as known. */
  readonly podPorts: (namespace: string, name: string) => readonly PodPort[];
}

export interface Cluster {
  /** In start order, before the endpoints. */
  readonly modules: readonly Module[];
  /** To be started when endpoints are restored: only then what is left of an earlier run may go. */
  readonly restored: Module;
  readonly kvstore: Kvstore;
  readonly allocator: KvstoreIdentityAllocator;
  /** What the other nodes say of the identities that they know. */
  readonly arrivals: IdentityArrivals;
  /** The allocator's table, for identities that only this node knows. */
  readonly identityTable: Table<IdentityRow, number>;
  readonly announcer: EndpointAnnouncer;
  readonly nodes: ReadonlyTable<NodeRow, string>;
  readonly ipcache: ReadonlyTable<IpcacheRow, string>;
  /** Underlay addresses of other nodes, with the numbers that maps name the nodes by. */
  readonly nodeAddresses: NodeMap["table"];
  /** Takes what this node alone says about prefixes. */
  readonly ipcacheClaims: Pick<Ipcache, "upsert" | "remove" | "setNodeIdentity">;
  /** The labels of this node's Node object, for all nodes to see. */
  setNodeLabels(labels: Readonly<Record<string, string>>): void;
  /** "cluster/node". */
  readonly self: string;
  /** Gives routes to the pods of some nodes (`cluster/name`) a smaller MTU than all have. */
  narrowRoutes(mtus: ReadonlyMap<string, number>): void;
  /** Tells the other nodes where this one's health endpoint is. */
  announceHealth(addresses: { readonly ipv4?: string; readonly ipv6?: string }): void;
}

export function createCluster({ config, local, datapath, podPorts, metrics, reconciling }: ClusterDeps): Cluster {
  const node = localNode(config, local);
  const store = createKvstore(
    { metrics },
    {
      kind: config.get(options.kvstore),
      options: Object.fromEntries(config.get(options.kvstoreOpt)),
      leaseTtl: Math.round(config.get(options.kvstoreLeaseTtl) / 1000),
    },
  );
  const { kvstore } = store;
  const identityTable = createIdentityTable();
  const allocator = createKvstoreIdentityAllocator(
    { kvstore, table: identityTable },
    { nodeIp: local.ipv4 ?? local.ipv6 ?? node.name },
  );
  const nodes = createNodes({ kvstore }, { local: node });
  const underlayFamily = local.ipv4 === undefined ? 6 : 4;
  const tunnel = config.get(options.routingMode) === "tunnel";
  const ipcache = createIpcache({ nodes, kvstore }, { tunnel, underlayFamily, families: local.families });
  const endpointsKnown = ipcache.table.registerInitializer("endpoints");
  const reconciler = createIpcacheReconciler({
    table: ipcache.table,
    ipcacheMap: later(() => datapath.maps.ipcache),
    onRevisionNeeded: () => void datapath.maps.runtimeConfig.bumpIpcacheRevision(),
    metrics: reconciling,
  });
  const restoreKnown = async () => {
    // Shared stores outlive the agent; in memory, the identities of restored endpoints would get other numbers.
    if (kvstore.backend !== "memory") return;
    await restoreIdentities(kvstore, allocator.table, storedIdentities(statePaths(config).endpoints));
  };
  const nodeRoutes = createNodeRoutes(nodes.table, datapath);
  const nodeMap = createNodeMap({
    nodes: nodes.table,
    nodeMap: later(() => datapath.maps.nodes),
    metrics: reconciling,
  });
  return {
    modules: [
      store,
      allocatorModule(allocator, restoreKnown),
      nodes,
      nodeRoutes,
      nodeMap,
      ipcache,
      ipcacheMap(reconciler),
    ],
    restored: {
      name: "ipcache-endpoints",
      async start() {
        endpointsKnown();
        ipcache.endpointsRestored();
      },
    },
    kvstore,
    allocator,
    arrivals: new IdentityArrivals({ kvstore, nodeCount: () => nodes.table.size }, `${node.cluster}/${node.name}`),
    identityTable,
    announcer: announcerOf(ipcache, podPorts),
    nodes: nodes.table,
    ipcache: ipcache.table,
    nodeAddresses: nodeMap.table,
    ipcacheClaims: ipcache,
    setNodeLabels: (labels) => nodes.setLocal({ labels }),
    self: `${node.cluster}/${node.name}`,
    narrowRoutes: (mtus) => nodeRoutes.narrow(mtus),
    announceHealth: ({ ipv4, ipv6 }) =>
      nodes.setLocal({ ...(ipv4 && { ipv4HealthIp: ipv4 }), ...(ipv6 && { ipv6HealthIp: ipv6 }) }),
  };
}

/** Tells of endpoints where they are and who. */
function announcerOf(
  ipcache: Pick<Ipcache, "setEndpoint" | "removeEndpoint">,
  podPorts: ClusterDeps["podPorts"],
): EndpointAnnouncer {
  return {
    announce({ id, identity, ipv4, ipv6, podNamespace, podName }) {
      if (identity === undefined) return;
      const pod =
        podName === "" ? {} : { namespace: podNamespace, name: podName, namedPorts: podPorts(podNamespace, podName) };
      ipcache.setEndpoint({
        id,
        identity,
        ...(ipv4 !== undefined && { ipv4 }),
        ...(ipv6 !== undefined && { ipv6 }),
        ...pod,
      });
    },
    withdraw: ({ id }) => ipcache.removeEndpoint(id),
  };
}

function localNode(config: Config, local: LocalAddresses): NodeRow {
  const addresses: NodeRow["addresses"] = [
    ...[local.ipv4, local.ipv6].map((ip) => ({ type: "InternalIP" as const, ip })),
    ...[local.ipam.router(4), local.ipam.router(6)].map((ip) => ({ type: "CiliumInternalIP" as const, ip })),
  ].flatMap(({ type, ip }) => (ip === undefined ? [] : [{ type, ip }]));
  return {
    name: config.get(options.nodeName),
    cluster: config.get(options.clusterName),
    clusterId: 0,
    addresses,
    ...(local.ipv4PodCidr !== undefined && { ipv4PodCidr: local.ipv4PodCidr }),
    ...(local.ipv6PodCidr !== undefined && { ipv6PodCidr: local.ipv6PodCidr }),
    encryptionKey: 0,
    labels: {},
    source: "local",
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
  };
}

/** A map that is there only when the datapath has started. */
function later<Row, Key>(
  map: () => { upsertMany(rows: readonly Row[]): void; deleteMany(keys: readonly Key[]): number; list(): Row[] },
) {
  return {
    upsertMany: (rows: readonly Row[]) => map().upsertMany(rows),
    deleteMany: (keys: readonly Key[]) => map().deleteMany(keys),
    list: () => map().list(),
  };
}

/** Under a name of its own: status shows one line a name. */
function ipcacheMap(reconciler: Reconciler): Module {
  return {
    name: "ipcache-map",
    start: (signal) => reconciler.start(signal),
    stop: () => reconciler.stop(),
    health: () => reconciler.health(),
  };
}

/** It is not closed: that would give back the references of endpoints that live on. */
function allocatorModule(allocator: KvstoreIdentityAllocator, restoreKnown: () => Promise<void>): Module {
  return {
    name: "identities",
    start: restoreKnown,
    health() {
      const skipped = allocator.skipped();
      const waiting = allocator.table.pendingInitializers;
      if (skipped.length > 0)
        return { state: "degraded", message: `${skipped.length} identities skipped, such as ${skipped[0]?.key}` };
      return waiting.length === 0
        ? { state: "ok" }
        : { state: "degraded", message: `Waiting for ${waiting.join(", ")}` };
    },
  };
}
