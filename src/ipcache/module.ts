// SPDX-License-Identifier: Apache-2.0
// Fills the ipcache: from nodes, from the announcements of others, from local endpoints, which it announces.
import {
  createLogger,
  type Health,
  hostCidr,
  type Logger,
  type Metrics,
  type Module,
  type Table,
} from "../core/index.ts";
import { Identity } from "../identity/index.ts";
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
import { type NodeRow, type Nodes, nodeAddress, nodeKey, overlapWithLocal, tunnelAddress } from "../node/index.ts";
import { defaultEntries, localNodeEntries, type NodeEntriesOptions, remoteNodeEntries } from "./node-entries.ts";
import { IpcacheStore } from "./store.ts";
import { createIpcacheTable } from "./table.ts";
import type { IpcacheEntry, IpcacheRow, LocalEndpoint } from "./types.ts";
import {
  type AnnouncedAddress,
  formatAddress,
  ipKvKey,
  ipPrefix,
  type ParsedAddress,
  parseAddress,
  prefixOfKey,
  toEntry,
} from "./wire.ts";

/** What the ipcache uses. Without a kvstore nothing is announced. */
export interface IpcacheDeps {
  readonly nodes: Pick<Nodes, "table" | "local">;
  readonly kvstore?: Kvstore;
  readonly table?: Table<IpcacheRow, string>;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  /** How long withdrawals wait, ms. */
  readonly held?: Pick<HeldDeletesOptions, "graceMs" | "lostMs">;
}

/** How addresses are reached. */
export interface IpcacheConfig {
  /** Pods of other nodes are reached through a tunnel (`routing-mode`). */
  readonly tunnel: boolean;
  /** Family of the underlay that tunnels use. */
  readonly underlayFamily: 4 | 6;
  /** The families that are on. */
  readonly families: readonly (4 | 6)[];
}

/**
 * The ipcache as a module: `start` returns at once. The table's initializers "nodes" and "kvstore" end when all nodes
 * and all announcements are in, so that nothing is pruned from the kernel before.
 */
export interface Ipcache extends Module {
  readonly table: Table<IpcacheRow, string>;
  /** Adds, changes and announces a local endpoint's addresses. Idempotent, never waits for the store. */
  setEndpoint(endpoint: LocalEndpoint): void;
  /** Withdraws a local endpoint; no error for unknown ids. */
  removeEndpoint(id: number): void;
  /** All endpoints of an earlier run are set again: announcements of this node beyond them are removed. */
  endpointsRestored(): void;
  /** Entries of another source; `owner` is a free word, under which they can be replaced and removed. */
  upsert(owner: string, entry: IpcacheEntry): void;
  remove(owner: string, prefix: string): void;
  replace(owner: string, entries: readonly IpcacheEntry[]): void;
  /** What this node calls an address of another one; undefined: a remote node like all others. */
  setNodeIdentity(prefix: string, identity: number | undefined): void;
  /** All that is said about a prefix, best first. */
  claims(prefix: string): readonly IpcacheEntry[];
  /** Announcements of others that cannot be used. */
  skipped(): readonly PoisonedKey[];
  stop(): Promise<void>;
  health(): Health;
}

/** Makes the module; default entries and this node's own are in the table at once. */
export function createIpcache(deps: IpcacheDeps, config: IpcacheConfig): Ipcache {
  return new NodeIpcache(deps, config);
}

const kvstoreOwner = "kvstore";

class NodeIpcache implements Ipcache {
  readonly name = "ipcache";
  readonly table: Table<IpcacheRow, string>;
  readonly #deps: IpcacheDeps;
  readonly #config: IpcacheConfig;
  readonly #log: Logger;
  readonly #store: IpcacheStore;
  readonly #poison;
  readonly #nodeOptions: NodeEntriesOptions;
  readonly #nodeIdentities = new Map<string, number>();
  readonly #stopping = new AbortController();
  readonly #endpoints = new Map<number, readonly string[]>();
  /** Keys of an earlier run of this node, with their values. */
  readonly #leftOver = new Map<string, string>();
  readonly #nodesDone: () => void;
  readonly #kvstoreDone: () => void;
  #restored = false;
  #announcements: Announcements | undefined;
  #loops: Promise<void>[] = [];

  constructor(deps: IpcacheDeps, config: IpcacheConfig) {
    this.#deps = deps;
    this.#config = config;
    this.#log = deps.logger ?? createLogger("ipcache");
    this.table = deps.table ?? createIpcacheTable();
    this.#store = new IpcacheStore(this.table);
    this.#poison = createPoisonReport("ip", { ...deps, logger: this.#log });
    const { tunnel, underlayFamily, families } = config;
    this.#nodeOptions = { tunnel, underlayFamily, dualStack: families.length > 1, identities: this.#nodeIdentities };
    this.#nodesDone = this.table.registerInitializer("nodes");
    this.#kvstoreDone = deps.kvstore === undefined ? () => {} : this.table.registerInitializer("kvstore");
    this.#store.replace("default", defaultEntries(families));
    for (const node of deps.nodes.table.all()) this.#takeNode(node);
  }

  start(signal: AbortSignal): Promise<void> {
    const stopped = AbortSignal.any([signal, this.#stopping.signal]);
    const { kvstore } = this.#deps;
    this.#loops.push(this.#followNodes(stopped), this.#awaitNodes(stopped));
    if (kvstore !== undefined) {
      this.#announcements = createAnnouncements(kvstore, { logger: this.#log });
      this.#loops.push(this.#followAnnouncements(kvstore, stopped));
      for (const prefixes of this.#endpoints.values()) for (const prefix of prefixes) this.#announce(prefix);
    }
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#announcements?.stop();
    await Promise.all(this.#loops);
  }

  health(): Health {
    const skipped = this.#poison.size;
    if (skipped > 0) {
      return { state: "degraded", message: `${skipped} announcements skipped, such as ${this.#poison.list()[0]?.key}` };
    }
    const waiting = this.table.pendingInitializers;
    return waiting.length === 0 ? { state: "ok" } : { state: "ok", message: `Waiting for ${waiting.join(", ")}` };
  }

  setEndpoint(endpoint: LocalEndpoint): void {
    const { id, identity, namespace, name, namedPorts = [] } = endpoint;
    const hostIp = this.#hostIp();
    const ips = [endpoint.ipv4, endpoint.ipv6].filter((ip) => ip !== undefined);
    const entries = ips.map(
      (ip): IpcacheEntry => ({
        ...{ prefix: hostCidr(ip), identity, encryptKey: 0, skipTunnel: false, remoteCluster: false, source: "local" },
        ...(hostIp === undefined ? {} : { hostIp }),
        ...(name === undefined ? {} : { metadata: { namespace: namespace ?? "", name } }),
        ...(namedPorts.length === 0 ? {} : { namedPorts }),
      }),
    );
    const before = this.#endpoints.get(id) ?? [];
    const prefixes = entries.map(({ prefix }) => prefix);
    this.#endpoints.set(id, prefixes);
    this.#store.replace(endpointOwner(id), entries);
    for (const prefix of before) if (!prefixes.includes(prefix)) this.#withdraw(prefix);
    for (const prefix of prefixes) this.#announce(prefix);
  }

  removeEndpoint(id: number): void {
    const prefixes = this.#endpoints.get(id);
    if (prefixes === undefined) return;
    this.#endpoints.delete(id);
    this.#store.replace(endpointOwner(id), []);
    for (const prefix of prefixes) this.#withdraw(prefix);
  }

  endpointsRestored(): void {
    this.#restored = true;
    this.#removeLeftOver();
  }

  upsert(owner: string, entry: IpcacheEntry): void {
    this.#store.upsert(owner, entry);
  }

  remove(owner: string, prefix: string): void {
    this.#store.remove(owner, prefix);
  }

  replace(owner: string, entries: readonly IpcacheEntry[]): void {
    this.#store.replace(owner, entries);
  }

  setNodeIdentity(prefix: string, identity: number | undefined): void {
    if (identity === undefined) this.#nodeIdentities.delete(prefix);
    else this.#nodeIdentities.set(prefix, identity);
    for (const node of this.#deps.nodes.table.by("ip", ipOf(prefix))) this.#takeNode(node);
  }

  claims(prefix: string): readonly IpcacheEntry[] {
    return this.#store.claims(prefix);
  }

  skipped(): readonly PoisonedKey[] {
    return this.#poison.list();
  }

  async #followNodes(signal: AbortSignal): Promise<void> {
    for await (const batch of this.#deps.nodes.table.watch({ signal })) {
      for (const { kind, row } of batch) {
        if (kind === "upsert") this.#takeNode(row);
        else this.#store.replace(nodeOwner(row), []);
      }
    }
  }

  async #awaitNodes(signal: AbortSignal): Promise<void> {
    try {
      await this.#deps.nodes.table.initialized(signal);
    } catch (error) {
      if (signal.aborted) return;
      throw error;
    }
    for (const node of this.#deps.nodes.table.all()) this.#takeNode(node);
    this.#nodesDone();
  }

  #takeNode(node: NodeRow): void {
    const entries = node.source === "local" ? localNodeEntries(node) : remoteNodeEntries(node, this.#nodeOptions);
    this.#store.replace(
      nodeOwner(node),
      entries.filter((entry) => this.#familyIsOn(entry.prefix)),
    );
  }

  async #followAnnouncements(kvstore: Kvstore, signal: AbortSignal): Promise<void> {
    // A node that lost its lease announces its addresses again.
    using held = new HeldDeletes({ apply: (event) => this.#take(event), logger: this.#log, ...this.#deps.held });
    for await (const changes of kvstore.listAndWatch(ipPrefix, { signal })) {
      this.#announcements?.observe(changes);
      held.take(changes);
      this.#removeLeftOver();
      if (changes.initial) this.#kvstoreDone();
    }
  }

  #take(event: KvEvent): void {
    const key = event.kind === "put" ? event.entry.key : event.key;
    const parsed = event.kind === "put" ? this.#read(key, event.entry.value) : undefined;
    // What was last right stays: garbage in one key must not cut a pod off.
    if (parsed !== undefined && "reason" in parsed) {
      this.#poison.skip(key, parsed.reason);
      return;
    }
    this.#poison.clear(key);
    this.#leftOver.delete(key);
    const address = parsed?.address;
    const prefix = address?.prefix ?? prefixOfKey(key);
    if (prefix === undefined || !this.#familyIsOn(prefix)) return;
    if (address !== undefined && this.#ownIps().has(address.hostIp ?? "")) {
      if (event.kind === "put" && this.#announcements?.has(key) !== true) this.#leftOver.set(key, event.entry.value);
      this.#store.remove(kvstoreOwner, prefix);
    } else if (address !== undefined && !this.#isNodes(address)) {
      this.#store.upsert(kvstoreOwner, toEntry(address, this.#config.tunnel, this.#ownIps()));
    } else {
      this.#store.remove(kvstoreOwner, prefix);
    }
  }

  /** An announcement that may be believed: this node knows better what is its own, and nodes what is theirs. */
  #read(key: string, value: string): ParsedAddress {
    const parsed = parseAddress(key, value);
    if ("reason" in parsed) return parsed;
    const { prefix, hostIp } = parsed.address;
    if (this.#ownIps().has(hostIp ?? "")) return parsed;
    const problem = overlapWithLocal(prefix, this.#deps.nodes.local());
    if (problem !== undefined) return { reason: `${prefix} ${problem}` };
    const ip = ipOf(prefix);
    const node = hostCidr(ip) === prefix ? this.#deps.nodes.table.by("ip", ip)[0] : undefined;
    if (node === undefined || node.addresses.some((address) => address.ip === hostIp)) return parsed;
    return { reason: `${ip} is an address of node "${nodeKey(node)}"` };
  }

  /** Whether it says no more than that the address is a node's, which the node's row says better. */
  #isNodes({ prefix, identity }: AnnouncedAddress): boolean {
    return identity === Identity.remoteNode && this.#deps.nodes.table.by("ip", ipOf(prefix)).length > 0;
  }

  /** Announces what is said locally about a prefix. */
  #announce(prefix: string): void {
    const entry = this.#store.claims(prefix).find(({ source }) => source === "local");
    if (entry === undefined) return;
    const { identity, encryptKey, hostIp, metadata, namedPorts } = entry;
    const address: AnnouncedAddress = {
      ...{ prefix, identity, encryptKey },
      ...(hostIp === undefined ? {} : { hostIp }),
      ...(metadata === undefined ? {} : { metadata }),
      ...(namedPorts === undefined ? {} : { namedPorts }),
    };
    const key = ipKvKey(prefix);
    this.#leftOver.delete(key);
    this.#announcements?.set(key, formatAddress(address));
  }

  #withdraw(prefix: string): void {
    this.#announcements?.delete(ipKvKey(prefix));
  }

  #removeLeftOver(): void {
    const { kvstore } = this.#deps;
    if (!this.#restored || kvstore === undefined || this.#leftOver.size === 0) return;
    for (const [key, value] of this.#leftOver) {
      if (this.#announcements?.has(key) === true) continue;
      this.#log.info("Removing an announcement of an earlier run", { path: key });
      kvstore.txn([{ key, kind: "value", value }], [{ kind: "delete", key }]).catch((error: unknown) => {
        // Its lease ends by itself.
        this.#log.debug("Announcement of an earlier run not removed", { path: key, error });
      });
    }
    this.#leftOver.clear();
  }

  #familyIsOn(prefix: string): boolean {
    return this.#config.families.includes(prefix.includes(":") ? 6 : 4);
  }

  #hostIp(): string | undefined {
    const local = this.#deps.nodes.local();
    const other = this.#config.underlayFamily === 4 ? 6 : 4;
    return tunnelAddress(local, this.#config.underlayFamily) ?? nodeAddress(local, "InternalIP", other);
  }

  #ownIps(): ReadonlySet<string> {
    return new Set(this.#deps.nodes.local().addresses.map(({ ip }) => ip));
  }
}

function ipOf(prefix: string): string {
  return prefix.slice(0, prefix.indexOf("/"));
}

function nodeOwner(node: NodeRow): string {
  return `node:${nodeKey(node)}`;
}

function endpointOwner(id: number): string {
  return `endpoint:${id}`;
}
