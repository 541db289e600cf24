// SPDX-License-Identifier: Apache-2.0
// Announces this node in the key-value store and follows the announcements of others.
import {
  createLogger,
  type Health,
  type Logger,
  type Metrics,
  type Module,
  type ReadonlyTable,
  type Table,
} from "../core/index.ts";
import {
  type Announcements,
  createAnnouncements,
  createPoisonReport,
  HeldDeletes,
  type HeldDeletesOptions,
  type KvEvent,
  type Kvstore,
  type PoisonedKey,
} from "../kvstore/index.ts";
import { NodeStore } from "./nodes.ts";
import { createNodeTable } from "./table.ts";
import { contradiction } from "./trust.ts";
import { type NodeRow, nodeKey } from "./types.ts";
import { formatNode, nodeKvKey, nodesPrefix, parseNode } from "./wire.ts";

/** What the nodes use. Without a kvstore only what `upsert` is told is known. */
export interface NodesDeps {
  readonly kvstore?: Kvstore;
  readonly table?: Table<NodeRow, string>;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  /** How long withdrawals wait, ms. */
  readonly held?: Pick<HeldDeletesOptions, "graceMs" | "lostMs">;
}

/** This node. */
export interface NodesConfig {
  /** Its source is taken as "local". */
  readonly local: NodeRow;
}

/** The nodes as a module: `start` returns at once, the table's initializer "kvstore" ends with the first list. */
export interface Nodes extends Module {
  readonly table: ReadonlyTable<NodeRow, string>;
  /** This node as it is announced now. */
  local(): NodeRow;
  /** Changes what is known of this node, and its announcement. Name and cluster stay. */
  setLocal(change: Partial<Omit<NodeRow, "name" | "cluster" | "source">>): void;
  /** A node that another source knows. */
  upsert(row: NodeRow): void;
  remove(row: Pick<NodeRow, "name" | "cluster" | "source">): void;
  /** Nodes in the store that cannot be used. */
  skipped(): readonly PoisonedKey[];
  stop(): Promise<void>;
  health(): Health;
}

/** Makes the module; the local node is in the table at once. */
export function createNodes(deps: NodesDeps, config: NodesConfig): Nodes {
  return new KvstoreNodes(deps, config);
}

class KvstoreNodes implements Nodes {
  readonly name = "nodes";
  readonly table: Table<NodeRow, string>;
  readonly #deps: NodesDeps;
  readonly #log: Logger;
  readonly #store: NodeStore;
  readonly #poison;
  readonly #stopping = new AbortController();
  readonly #listed: () => void;
  #local: NodeRow;
  #announcements: Announcements | undefined;
  #watch: Promise<void> | undefined;

  constructor(deps: NodesDeps, config: NodesConfig) {
    this.#deps = deps;
    this.#log = deps.logger ?? createLogger("node");
    this.table = deps.table ?? createNodeTable();
    this.#store = new NodeStore(this.table);
    this.#poison = createPoisonReport("nodes", { ...deps, logger: this.#log });
    this.#listed = deps.kvstore === undefined ? () => {} : this.table.registerInitializer("kvstore");
    this.#local = { ...config.local, source: "local" };
    this.#store.upsert(this.#local);
  }

  start(signal: AbortSignal): Promise<void> {
    const { kvstore } = this.#deps;
    if (kvstore === undefined) return Promise.resolve();
    this.#announcements = createAnnouncements(kvstore, { logger: this.#log });
    this.#announce();
    this.#watch = this.#follow(kvstore, AbortSignal.any([signal, this.#stopping.signal]));
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#announcements?.stop();
    await this.#watch;
  }

  health(): Health {
    const skipped = this.#poison.size;
    if (skipped > 0)
      return { state: "degraded", message: `${skipped} nodes skipped, such as ${this.#poison.list()[0]?.key}` };
    const waiting = this.table.pendingInitializers;
    return waiting.length === 0 ? { state: "ok" } : { state: "ok", message: `Waiting for ${waiting.join(", ")}` };
  }

  local(): NodeRow {
    return this.#local;
  }

  setLocal(change: Partial<Omit<NodeRow, "name" | "cluster" | "source">>): void {
    this.#local = { ...this.#local, ...change };
    this.#store.upsert(this.#local);
    this.#announce();
  }

  upsert(row: NodeRow): void {
    this.#store.upsert(row);
  }

  remove(row: Pick<NodeRow, "name" | "cluster" | "source">): void {
    this.#store.remove(nodeKey(row), row.source);
  }

  skipped(): readonly PoisonedKey[] {
    return this.#poison.list();
  }

  #announce(): void {
    this.#announcements?.set(nodeKvKey(this.#local), formatNode(this.#local));
  }

  async #follow(kvstore: Kvstore, signal: AbortSignal): Promise<void> {
    // A node that lost its lease is not gone.
    using held = new HeldDeletes({ apply: (event) => this.#take(event), logger: this.#log, ...this.#deps.held });
    for await (const changes of kvstore.listAndWatch(nodesPrefix, { signal })) {
      this.#announcements?.observe(changes);
      held.take(changes);
      if (changes.initial) this.#listed();
    }
  }

  #take(event: KvEvent): void {
    const key = event.kind === "put" ? event.entry.key : event.key;
    if (event.kind === "delete") {
      this.#poison.clear(key);
      this.#store.remove(key.slice(nodesPrefix.length), "kvstore");
      return;
    }
    const parsed = parseNode(key, event.entry.value);
    const reason = "reason" in parsed ? parsed.reason : contradiction(parsed.row, this.#local);
    // What was last right stays: garbage in one key must not cut a node off.
    if ("reason" in parsed || reason !== undefined) {
      this.#poison.skip(key, reason ?? "");
      return;
    }
    this.#poison.clear(key);
    this.#store.upsert(parsed.row);
  }
}
