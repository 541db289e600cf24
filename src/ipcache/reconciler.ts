// SPDX-License-Identifier: Apache-2.0
// Brings the kernel's ipcache in line with the table, and tells the programs when what they remember may be wrong.
import { createReconciler, type Reconciler, type ReconcilerMetrics, type Table, writeEach } from "../core/index.ts";
import { type IpcacheMapRow, KernelView } from "./kernel-view.ts";
import type { IpcacheRow } from "./types.ts";

/** A map of the kernel with batched writes, as the datapath gives it. */
export interface KernelMap<Row, Key> {
  upsertMany(rows: readonly Row[]): void;
  deleteMany(keys: readonly Key[]): number;
  list(): Row[];
}

/** What the ipcache's reconciler writes. */
export interface IpcacheReconcilerDeps {
  readonly table: Table<IpcacheRow, string>;
  readonly ipcacheMap: KernelMap<IpcacheMapRow, { readonly prefix: string; readonly clusterId?: number }>;
  /** Moves the ipcache revision, after the entries are written. */
  readonly onRevisionNeeded: () => void;
  readonly metrics?: ReconcilerMetrics;
}

/** Delays and intervals, ms. */
export interface IpcacheReconcilerConfig {
  /** Writes everything again and prunes. Default 5 minutes. */
  readonly resyncMs?: number;
}

/** Makes the reconciler of `cilium_ipcache_v2` and `cilium_ipcache_exact`. */
export function createIpcacheReconciler(deps: IpcacheReconcilerDeps, config: IpcacheReconcilerConfig = {}): Reconciler {
  const kernel = new KernelWriter(deps);
  return createReconciler<IpcacheRow, string>({
    name: "ipcache",
    table: deps.table,
    ...(deps.metrics !== undefined && { metrics: deps.metrics }),
    getStatus: (row) => row.status,
    withStatus: (row, status) => ({ ...row, status }),
    resyncMs: config.resyncMs ?? 300_000,
    ops: {
      update: async (rows) => kernel.write(rows.map(toMapRow)),
      delete: async (rows) => kernel.delete(rows.map(({ prefix }) => prefix)),
      prune: async (rows) => kernel.align(rows.map(toMapRow)),
    },
  });
}

class KernelWriter {
  readonly #deps: IpcacheReconcilerDeps;
  #view: KernelView | undefined;

  constructor(deps: IpcacheReconcilerDeps) {
    this.#deps = deps;
  }

  /** Returns what could not be written, by prefix: a full map must not keep other rows from changing. */
  write(rows: readonly IpcacheMapRow[]): Map<string, Error> {
    const view = this.#known();
    const fresh = rows.filter((row) => view.differs(row));
    if (fresh.length === 0) return new Map();
    const revision = fresh.some((row) => view.changesMeaning(row.prefix, row));
    const failed = writeEach(
      fresh,
      ({ prefix }) => prefix,
      (rows) => this.#deps.ipcacheMap.upsertMany(rows),
    );
    for (const row of fresh) if (!failed.has(row.prefix)) view.set(row);
    if (revision) this.#deps.onRevisionNeeded();
    return failed;
  }

  delete(prefixes: readonly string[]): void {
    const view = this.#known();
    if (prefixes.length === 0) return;
    const revision = prefixes.some((prefix) => view.changesMeaning(prefix, undefined));
    this.#remove(revision, prefixes);
    for (const prefix of prefixes) view.delete(prefix);
  }

  /** Looks at the kernel itself: puts right what others changed, and removes what no row wants. */
  align(rows: readonly IpcacheMapRow[]): void {
    this.#view = undefined;
    const failed = this.write(rows);
    const wanted = new Set(rows.map(({ prefix }) => prefix));
    this.delete([...this.#known().prefixes()].filter((prefix) => !wanted.has(prefix)));
    // What went has made room.
    const [error] = this.write(rows.filter(({ prefix }) => failed.has(prefix))).values();
    if (error !== undefined) throw error;
  }

  #known(): KernelView {
    this.#view ??= new KernelView(this.#deps.ipcacheMap.list().filter(({ clusterId = 0 }) => clusterId === 0));
    return this.#view;
  }

  /** A failed removal may be half done: the kernel is looked at again, and the programs are told. */
  #remove(revisionNeeded: boolean, prefixes: readonly string[]): void {
    let done = false;
    try {
      this.#deps.ipcacheMap.deleteMany(prefixes.map((prefix) => ({ prefix })));
      done = true;
    } finally {
      if (!done) this.#view = undefined;
      if (revisionNeeded || !done) this.#deps.onRevisionNeeded();
    }
  }
}

function toMapRow(row: IpcacheRow): IpcacheMapRow {
  const { prefix, identity, tunnelEndpoint, encryptKey, skipTunnel, remoteCluster } = row;
  const tunnel = tunnelEndpoint === undefined ? {} : { tunnelEndpoint };
  return { prefix, identity, ...tunnel, encryptKey, skipTunnel, remoteCluster };
}
