// SPDX-License-Identifier: Apache-2.0
// The underlay addresses of other nodes in the kernel: tunnel packets from anywhere else are dropped.
import {
  createReconciler,
  type Module,
  pendingStatus,
  type ReadonlyTable,
  type Reconciler,
  type ReconcilerMetrics,
  type Status,
  Table,
  writeEach,
} from "../core/index.ts";
import { type NodeRow, nodeKey } from "../node/index.ts";
import type { KernelMap } from "./reconciler.ts";

/** One address of another node as the kernel has it. */
export interface NodeMapRow {
  readonly address: string;
  readonly nodeId: number;
  readonly spi: number;
}

/** The row behind it. */
export interface NodeAddressRow extends NodeMapRow {
  readonly node: string;
  readonly status: Status;
}

/** What the node map's module uses. */
export interface NodeMapDeps {
  readonly metrics?: ReconcilerMetrics;
  readonly nodes: ReadonlyTable<NodeRow, string>;
  readonly nodeMap: KernelMap<NodeMapRow, { readonly address: string }>;
}

/** The node map as a module; `table` has one row for each address. */
export interface NodeMap extends Module {
  readonly table: ReadonlyTable<NodeAddressRow, string>;
  waitUntilSettled: Reconciler["waitUntilSettled"];
  stop(): Promise<void>;
}

/** Makes the module that keeps `cilium_node_map_v2`. Ids of nodes survive a restart. */
export function createNodeMap({ nodes, nodeMap, metrics }: NodeMapDeps): NodeMap {
  const table = new Table<NodeAddressRow, string>({
    name: "node-addresses",
    key: ({ address }) => address,
    indexes: { node: ({ node }) => node },
  });
  const initialized = table.registerInitializer("nodes");
  const ids = new NodeIds();
  const reconciler = createNodeMapReconciler(table, nodeMap, metrics);
  const stopping = new AbortController();
  let loop: Promise<void> | undefined;

  const take = (node: NodeRow) => {
    const key = nodeKey(node);
    const wanted = node.source === "local" ? [] : underlayAddresses(node);
    for (const { address } of table.by("node", key)) if (!wanted.includes(address)) table.delete(address);
    for (const address of wanted) {
      const row = { address, nodeId: ids.of(key, address), spi: node.encryptionKey, node: key };
      const before = table.get(address);
      if (before?.nodeId === row.nodeId && before.spi === row.spi && before.node === key) continue;
      table.upsert({ ...row, status: pendingStatus() });
    }
  };
  const follow = async (signal: AbortSignal) => {
    const all = nodes.initialized(signal).then(
      () => {
        for (const node of nodes.all()) take(node);
        initialized();
      },
      (error: unknown) => {
        if (!signal.aborted) throw error;
      },
    );
    for await (const batch of nodes.watch({ signal })) {
      for (const { kind, row } of batch) {
        if (kind === "upsert") take(row);
        else for (const { address } of table.by("node", nodeKey(row))) table.delete(address);
      }
    }
    await all;
  };

  return {
    name: "node-map",
    table,
    waitUntilSettled: (signal) => reconciler.waitUntilSettled(signal),
    async start(signal) {
      for (const { address, nodeId } of nodeMap.list()) ids.restore(address, nodeId);
      await reconciler.start(signal);
      loop = follow(AbortSignal.any([signal, stopping.signal]));
    },
    async stop() {
      stopping.abort();
      await loop;
      await reconciler.stop();
    },
    health: () => reconciler.health(),
  };
}

function createNodeMapReconciler(
  table: Table<NodeAddressRow, string>,
  nodeMap: NodeMapDeps["nodeMap"],
  metrics: ReconcilerMetrics | undefined,
): Reconciler {
  const toMapRow = ({ address, nodeId, spi }: NodeMapRow): NodeMapRow => ({ address, nodeId, spi });
  return createReconciler<NodeAddressRow, string>({
    name: "node-map",
    table,
    ...(metrics !== undefined && { metrics }),
    getStatus: (row) => row.status,
    withStatus: (row, status) => ({ ...row, status }),
    resyncMs: 300_000,
    ops: {
      update: async (rows) =>
        writeEach(
          rows.map(toMapRow),
          ({ address }) => address,
          (some) => nodeMap.upsertMany(some),
        ),
      delete: async (rows) => void nodeMap.deleteMany(rows),
      async prune(rows) {
        const wanted = new Set(rows.map(({ address }) => address));
        nodeMap.deleteMany(nodeMap.list().filter(({ address }) => !wanted.has(address)));
      },
    },
  });
}

function underlayAddresses(node: NodeRow): string[] {
  return node.addresses.filter(({ type }) => type !== "CiliumInternalIP").map(({ ip }) => ip);
}

/** Numbers of nodes, 1–65535: all addresses of a node have the same, also after a restart. */
class NodeIds {
  readonly #byNode = new Map<string, number>();
  readonly #restored = new Map<string, number>();
  readonly #used = new Set<number>();

  restore(address: string, id: number): void {
    this.#restored.set(address, id);
    this.#used.add(id);
  }

  of(node: string, address: string): number {
    const id = this.#byNode.get(node) ?? this.#restored.get(address) ?? this.#next();
    this.#byNode.set(node, id);
    this.#used.add(id);
    return id;
  }

  #next(): number {
    for (let id = 1; id <= 0xffff; id++) if (!this.#used.has(id)) return id;
    // The programs use the id for nothing but display so far; two nodes with one do no harm.
    return 0xffff;
  }
}
