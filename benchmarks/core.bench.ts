// SPDX-License-Identifier: Apache-2.0
// Tables and reconciler: heap a row, upserts a second, batches a watcher sees.

import { setImmediate as turn } from "node:timers/promises";
import { createReconciler, pendingStatus, type Status, Table } from "../src/core/index.ts";
import { type Benchmark, type Figures, heapUsed, inTurn, median, ratio, row } from "./harness.ts";

interface Entry {
  readonly prefix: string;
  readonly identity: number;
  readonly status: Status;
}

const ROWS = 200_000;
const IDENTITIES = 1000;
const STATUS = pendingStatus(0);

export const bench: Benchmark = {
  name: "core",
  description: "tables: heap a row, upserts a second, batches; reconciler: rows a second",
  run,
};

async function run(progress: (line: string) => void): Promise<Figures> {
  progress("heap a row");
  const shared = heapSamples("identity");
  const unique = heapSamples("prefix");
  progress("upserts");
  const rates = await inTurn({
    insert: () => insertRate(),
    "insert, watched": () => watchedRate().then(({ rate }) => rate),
    replace: () => replaceRate(),
  });
  progress("batches");
  const batches: number[] = [];
  for (let i = 0; i < 5; i++) batches.push((await watchedRate()).batches);
  progress("reconciler");
  const reconciled = await inTurn({ reconcile: () => reconcileRate() });
  return {
    rows: [
      row("heap a row above payload", `index of ${IDENTITIES} values`, "bytes", shared),
      row("heap a row above payload", "index of unique values", "bytes", unique),
      ...Object.entries(rates).map(([variant, samples]) => row("upsert", variant, "rows/s", samples)),
      row("batches for 200,000 upserts in 200 turns", "watcher", "batches", batches),
      row("table to target and status back", "reconciler", "rows/s", reconciled.reconcile),
    ],
    ratios: [
      ratio("heap bytes a row, index of shared values", median(shared), "at most", 400),
      ratio("heap bytes a row, index of unique values", median(unique), "at most", 400),
      ratio("upserts a second, unwatched", median(rates.insert), "at least", 100_000),
      ratio("upserts a second, watched", median(rates["insert, watched"]), "at least", 100_000),
      ratio("batches for 200,000 rows", median(batches), "at most", 201),
    ],
  };
}

function makeRows(first = 0): Entry[] {
  return Array.from({ length: ROWS }, (_, i) => ({
    prefix: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}/32`,
    identity: first + (i % IDENTITIES),
    status: STATUS,
  }));
}

function makeTable(index: "identity" | "prefix"): Table<Entry, string> {
  return new Table({
    name: "ipcache",
    key: (entry: Entry) => entry.prefix,
    indexes: { [index]: (entry: Entry) => entry[index] },
    freeze: false,
  });
}

/** What the table adds to rows that exist already. */
function heapSamples(index: "identity" | "prefix"): number[] {
  const rows = makeRows();
  return Array.from({ length: 5 }, () => {
    const before = heapUsed();
    const table = makeTable(index);
    table.upsertMany(rows);
    const bytes = heapUsed() - before;
    if (table.size !== ROWS) throw new Error(`Cannot measure: ${table.size} rows`);
    return bytes / ROWS;
  });
}

function perSecond(count: number, since: number): number {
  return (count * 1000) / (performance.now() - since);
}

function insertRate(): number {
  const rows = makeRows();
  const table = makeTable("identity");
  const since = performance.now();
  table.upsertMany(rows);
  return perSecond(ROWS, since);
}

function replaceRate(): number {
  const table = makeTable("identity");
  table.upsertMany(makeRows());
  const rows = makeRows(IDENTITIES);
  const since = performance.now();
  table.upsertMany(rows);
  return perSecond(ROWS, since);
}

/** Upserts in 200 turns of the event loop, with a watcher that reads everything. */
async function watchedRate(): Promise<{ rate: number; batches: number }> {
  const rows = makeRows();
  const table = makeTable("identity");
  const stop = new AbortController();
  let batches = 0;
  let seen = 0;
  const watcher = (async () => {
    for await (const batch of table.watch({ signal: stop.signal })) {
      if (batch.length > 0) batches++;
      seen += batch.length;
    }
  })();
  const since = performance.now();
  for (let i = 0; i < ROWS; i += 1000) {
    table.upsertMany(rows.slice(i, i + 1000));
    await turn();
  }
  while (seen < ROWS) await turn();
  const rate = perSecond(ROWS, since);
  stop.abort();
  await watcher;
  return { rate, batches };
}

async function reconcileRate(): Promise<number> {
  const table = makeTable("identity");
  const target = new Map<string, number>();
  const reconciler = createReconciler<Entry, string>({
    name: "bench",
    table,
    getStatus: (entry) => entry.status,
    withStatus: (entry, status) => ({ ...entry, status }),
    ops: {
      update: async (rows) => {
        for (const entry of rows) target.set(entry.prefix, entry.identity);
      },
      delete: async (rows) => {
        for (const entry of rows) target.delete(entry.prefix);
      },
      prune: async () => {},
    },
  });
  table.upsertMany(makeRows());
  const since = performance.now();
  await reconciler.start(new AbortController().signal);
  await reconciler.waitUntilSettled();
  const rate = perSecond(ROWS, since);
  await reconciler.stop();
  return rate;
}
