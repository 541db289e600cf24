// SPDX-License-Identifier: Apache-2.0
// Identities shared through a key-value store: a master key for each number, and under each node's lease a key that
// says that the node uses it. Numbers are taken by compare-and-swap; all nodes follow the masters.
import { setTimeout as sleep } from "node:timers/promises";
import { CiliumError, createLogger, type Labels, type Logger, type Table } from "../core/index.ts";
import {
  type Announcements,
  createAnnouncements,
  createPoisonReport,
  HeldDeletes,
  type KvChanges,
  type KvEvent,
  type Kvstore,
  KvstoreError,
  type PoisonedKey,
} from "../kvstore/index.ts";
import { IdentityExhaustedError } from "./errors.ts";
import {
  firstNumber,
  idOfKey,
  type Master,
  masterKey,
  mastersPrefix,
  parseMaster,
  slavesPrefix,
} from "./kvstore-keys.ts";
import type { KvstoreIdentityAllocator, KvstoreIdentityConfig, KvstoreIdentityDeps } from "./kvstore-types.ts";
import { IdPool } from "./pool.ts";
import { reservedIdentityOf } from "./reserved.ts";
import { createIdentityTable } from "./table.ts";
import { clusterIdentityRange, type IdentityRange, type IdentityRow } from "./types.ts";

/** Makes an allocator, which follows the store at once. It does not own the store. */
export function createKvstoreIdentityAllocator(
  deps: KvstoreIdentityDeps,
  config: KvstoreIdentityConfig,
): KvstoreIdentityAllocator {
  return new SharedIdentityAllocator(deps, config);
}

interface Reference {
  readonly row: IdentityRow;
  readonly value: string;
  count: number;
}

class SharedIdentityAllocator implements KvstoreIdentityAllocator {
  readonly table: Table<IdentityRow, number>;
  readonly #kvstore: Kvstore;
  readonly #config: KvstoreIdentityConfig;
  readonly #range: IdentityRange;
  readonly #log: Logger;
  readonly #poison;
  readonly #pool: IdPool;
  readonly #announcements: Announcements;
  readonly #masters = new Map<number, Master>();
  readonly #references = new Map<number, Reference>();
  /** What is under way, by labels: one thing after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #unused = new Map<number, bigint>();
  readonly #progress = new Set<() => void>();
  readonly #closing = new AbortController();
  readonly #listed: () => void;
  readonly #following: Promise<void>;
  /** What a wiped store lost stays known: policies of other nodes' pods must not change by it. */
  readonly #rows = new HeldDeletes({ apply: (event) => this.#forgetRow(event), graceMs: 0 });
  /** All masters written up to this revision are known. */
  #seen = 0n;
  #news = Promise.withResolvers<void>();

  constructor(deps: KvstoreIdentityDeps, config: KvstoreIdentityConfig) {
    this.#kvstore = deps.kvstore;
    this.#config = config;
    this.#range = config.range ?? clusterIdentityRange;
    this.#log = deps.logger ?? createLogger("identity");
    this.#poison = createPoisonReport("identities", { ...deps, logger: this.#log });
    this.#pool = new IdPool(this.#range, firstNumber(this.#range, config.nodeIp));
    this.table = deps.table ?? createIdentityTable();
    this.#listed = this.table.registerInitializer("kvstore");
    this.#announcements = createAnnouncements(deps.kvstore, { logger: this.#log });
    this.#following = this.#follow();
  }

  async ready(signal?: AbortSignal): Promise<void> {
    await this.table.initialized(signal);
  }

  async allocate(labels: Labels): Promise<IdentityRow> {
    this.#assertOpen(labels);
    const reserved = reservedIdentityOf(labels);
    const known = reserved === undefined ? undefined : this.table.get(reserved);
    if (known !== undefined) return known;
    return await this.#inTurn(labels.canonical, async () => {
      this.#assertOpen(labels);
      const held = this.#heldFor(labels);
      if (held === undefined) return await this.#acquire(labels);
      held.count++;
      return held.row;
    });
  }

  async release(id: number): Promise<boolean> {
    const labels = this.#references.get(id)?.row.labels;
    if (labels === undefined) return false;
    return await this.#inTurn(labels.canonical, async () => {
      const held = this.#references.get(id);
      if (held === undefined) return false;
      held.count--;
      if (held.count > 0) return false;
      this.#references.delete(id);
      this.#announcements.delete(this.#slaveKey(held.value));
      // Without the store the key goes later; nobody has to wait for it.
      await Promise.race([this.#announcements.settled(), sleep(1000, undefined, { ref: false })]);
      return true;
    });
  }

  references(id: number): number {
    return this.#references.get(id)?.count ?? 0;
  }

  get(id: number): IdentityRow | undefined {
    return this.table.get(id);
  }

  lookup(labels: Labels): IdentityRow | undefined {
    const reserved = reservedIdentityOf(labels);
    if (reserved !== undefined) return this.table.get(reserved);
    const rows = [...this.table.by("labels", labels.canonical)];
    return this.#heldFor(labels)?.row ?? rows.sort((a, b) => a.id - b.id)[0];
  }

  async collectGarbage(): Promise<readonly number[]> {
    const slaves = await this.#kvstore.list(slavesPrefix);
    const masters = await this.#kvstore.list(mastersPrefix);
    const used = new Set(slaves.items.map(({ key }) => key.slice(slavesPrefix.length, key.lastIndexOf("/"))));
    const removed: number[] = [];
    const present = new Set<number>();
    for (const { key, value, modRevision } of masters.items) {
      const id = idOfKey(key);
      if (id === undefined) continue;
      present.add(id);
      if (used.has(value) || this.#references.has(id)) this.#unused.delete(id);
      else if (this.#unused.get(id) !== modRevision) this.#unused.set(id, modRevision);
      else if (await this.#removeMaster(id, value, modRevision)) removed.push(id);
    }
    for (const id of this.#unused.keys()) if (!present.has(id)) this.#unused.delete(id);
    return removed;
  }

  skipped(): readonly PoisonedKey[] {
    return this.#poison.list();
  }

  get seen(): bigint {
    return this.#seen;
  }

  revisionOf(id: number): bigint | undefined {
    return this.#masters.get(id)?.revision;
  }

  onProgress(listener: () => void): Disposable {
    this.#progress.add(listener);
    return { [Symbol.dispose]: () => void this.#progress.delete(listener) };
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return await this.#following;
    this.#closing.abort();
    this.#rows[Symbol.dispose]();
    await Promise.allSettled(this.#turns.values());
    for (const { value } of this.#references.values()) this.#announcements.delete(this.#slaveKey(value));
    this.#references.clear();
    await Promise.race([this.#announcements.settled(), sleep(1000, undefined, { ref: false })]);
    await this.#announcements.stop();
    await this.#following;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #assertOpen(labels: Labels): void {
    if (this.#closing.signal.aborted) {
      throw new CiliumError(`Cannot allocate identity "${labels}": the allocator is closed`, { code: "CLOSED" });
    }
    if (labels.size === 0) throw new CiliumError("Cannot allocate identity: no labels", { code: "NO_LABELS" });
  }

  async #inTurn<T>(key: string, action: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(key) ?? Promise.resolve();
    const turn = before.then(action, action);
    this.#turns.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    }
  }

  #heldFor(labels: Labels): Reference | undefined {
    for (const row of this.table.by("labels", labels.canonical)) {
      const held = this.#references.get(row.id);
      if (held !== undefined) return held;
    }
    return undefined;
  }

  /** The first reference of this node: on a known identity, or on a new one. */
  async #acquire(labels: Labels): Promise<IdentityRow> {
    const limit = AbortSignal.timeout(this.#config.timeoutMs ?? 30_000);
    const stop = AbortSignal.any([limit, this.#closing.signal]);
    const failed = (cause?: unknown) => KvstoreError.unavailable(`allocate identity "${labels}"`, cause);
    await this.table.initialized(stop).catch(() => {
      throw failed();
    });
    for (let tries = 0; !stop.aborted; tries++) {
      const news = this.#news.promise;
      const master = this.#masterFor(labels);
      const held = master === undefined ? await this.#create(labels) : await this.#reference(master);
      if (held !== undefined) return held;
      // Someone else was faster; what it did is on its way here.
      await Promise.race([news, sleep(Math.min(20 * 2 ** tries, 500), undefined, { ref: false })]);
    }
    throw failed();
  }

  #masterFor(labels: Labels): Master | undefined {
    const rows = [...this.table.by("labels", labels.canonical)].sort((a, b) => a.id - b.id);
    for (const { id } of rows) {
      const master = this.#masters.get(id);
      if (master !== undefined) return master;
    }
    return undefined;
  }

  /** Uses an identity as long as its master is there; undefined when it is not. */
  async #reference({ row, value }: Master): Promise<IdentityRow | undefined> {
    const slave = this.#slaveKey(value);
    const done = await this.#kvstore.txn(
      [{ key: masterKey(row.id), kind: "value", value }],
      [{ kind: "put", key: slave, value: `${row.id}`, lease: true }],
    );
    if (done === undefined) return undefined;
    this.#announcements.adopt(slave, `${row.id}`);
    this.#references.set(row.id, { row, value, count: 1 });
    if (!this.table.has(row.id)) this.table.upsert(row);
    return row;
  }

  /**
   * Makes an identity, in turn with other new ones of this node. Fails (undefined) when another node wrote a master that
   * is not known here yet: that one may have the same labels, or the number.
   */
  #create(labels: Labels): Promise<IdentityRow | undefined> {
    return this.#inTurn("create", async () => {
      const known = this.#masterFor(labels);
      if (known !== undefined) return await this.#reference(known);
      const taken = (id: number) => this.table.has(id) || this.#masters.has(id) || this.#references.has(id);
      // After a wipe labels get the number back that other nodes' kernels still know them by.
      const lost = [...this.table.by("labels", labels.canonical)].find((row) => !this.#masters.has(row.id));
      const id = lost?.id ?? this.#pool.next(taken);
      if (id === undefined) throw new IdentityExhaustedError(labels.toString(), this.#range);
      const value = labels.canonical;
      const slave = this.#slaveKey(value);
      const revision = await this.#kvstore.txn(
        [
          { key: mastersPrefix, kind: "unmodifiedPrefix", since: this.#seen },
          { key: masterKey(id), kind: "absent" },
        ],
        [
          { kind: "put", key: masterKey(id), value },
          { kind: "put", key: slave, value: `${id}`, lease: true },
        ],
      );
      if (revision === undefined) return undefined;
      const row: IdentityRow = { id, labels, source: "kvstore" };
      this.#announcements.adopt(slave, `${id}`);
      this.#references.set(id, { row, value, count: 1 });
      this.#know({ row, value, revision });
      for (const listener of this.#progress) listener();
      return row;
    });
  }

  async #removeMaster(id: number, value: string, revision: bigint): Promise<boolean> {
    const key = masterKey(id);
    const done = await this.#kvstore.txn(
      [
        { key, kind: "modRevision", revision },
        { key: `${slavesPrefix}${value}/`, kind: "absentPrefix" },
      ],
      [{ kind: "delete", key }],
    );
    if (done === undefined) return false;
    this.#unused.delete(id);
    this.#masterGone(id);
    if (!this.#references.has(id)) this.table.delete(id);
    return true;
  }

  async #follow(): Promise<void> {
    for await (const changes of this.#kvstore.listAndWatch(mastersPrefix, { signal: this.#closing.signal })) {
      this.#take(changes);
    }
  }

  #take(changes: KvChanges): void {
    // After a wipe revisions begin anew.
    if (changes.initial || changes.resync) this.#seen = changes.revision;
    for (const event of changes.events) this.#takeEvent(event, changes.resync);
    this.#rows.take(changes);
    if (changes.initial) this.#listed();
    for (const listener of this.#progress) listener();
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }

  #takeEvent(event: KvEvent, resync: boolean): void {
    const key = event.kind === "put" ? event.entry.key : event.key;
    const revision = event.kind === "put" ? event.entry.modRevision : event.revision;
    const id = idOfKey(key);
    if (event.kind === "put" && revision > this.#seen) this.#seen = revision;
    // An own write is known before its event; what comes from before it is history.
    if (id !== undefined && !resync && revision < (this.#masters.get(id)?.revision ?? 0n)) return;
    if (event.kind === "delete") {
      this.#poison.clear(key);
      if (id !== undefined) this.#masterGone(id);
      return;
    }
    const { value } = event.entry;
    const master = id === undefined ? "the key names no identity" : parseMaster(id, value, revision, this.#range);
    if (typeof master === "string") {
      this.#poison.skip(key, master);
      return;
    }
    this.#poison.clear(key);
    this.#know(master);
  }

  #know(master: Master): void {
    const { id, labels } = master.row;
    const held = this.#references.get(id);
    if (held !== undefined && !held.row.labels.equals(labels)) {
      // Only after the store lost its data: another node was given the number before it was put back.
      this.#log.error("Identity means something else on another node", { id, here: held.row.labels, there: labels });
      return;
    }
    this.#masters.set(id, master);
    if (master.revision > this.#seen) this.#seen = master.revision;
    if (this.table.get(id)?.labels.equals(labels) !== true) this.table.upsert(master.row);
  }

  #masterGone(id: number): void {
    this.#masters.delete(id);
    if (this.#references.has(id)) this.#recreate(id);
  }

  /** Runs behind the masters, which say what is there. */
  #forgetRow(event: KvEvent): void {
    const id = event.kind === "delete" ? idOfKey(event.key) : undefined;
    if (id !== undefined && !this.#masters.has(id) && !this.#references.has(id)) this.table.delete(id);
  }

  /** Puts back the master of an identity that is in use here. */
  #recreate(id: number): void {
    const held = this.#references.get(id);
    if (held === undefined || this.#closing.signal.aborted) return;
    this.#log.warn("Master key of an identity in use vanished, putting it back", { id, labels: held.row.labels });
    void this.#inTurn(held.row.labels.canonical, async () => {
      while (this.#references.has(id) && !this.#masters.has(id) && !this.#closing.signal.aborted) {
        try {
          await this.#kvstore.createOnly(masterKey(id), held.value);
          return;
        } catch (error) {
          this.#log.debug("Master key not put back, will try again", { id, error });
          await sleep(200, undefined, { ref: false });
        }
      }
    });
  }

  #slaveKey(value: string): string {
    return `${slavesPrefix}${value}/${this.#config.nodeIp}`;
  }
}
