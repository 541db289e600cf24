// SPDX-License-Identifier: Apache-2.0
// Tables: rows, indexes, batches, watchers, initializers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type Batch, configureLogging, Table } from "./index.ts";

interface Pod {
  readonly name: string;
  readonly node?: string;
  readonly ips: readonly string[];
}

function makeTable(): Table<Pod, string> {
  return new Table<Pod, string>({
    name: "pods",
    key: (row) => row.name,
    indexes: { node: (row) => row.node, ip: (row) => row.ips },
  });
}

const pod = (name: string, node: string | undefined, ...ips: string[]): Pod => ({
  name,
  ...(node === undefined ? {} : { node }),
  ips,
});

const names = (rows: Iterable<Pod>) => Array.from(rows, (row) => row.name);
const show = (batch: Batch<Pod>) => batch.map((change) => `${change.kind} ${change.row.name}@${change.row.node}`);

test("upsert(), get(), delete() and revision", () => {
  const table = makeTable();
  const a = pod("a", "n1");
  assert.equal(table.upsert(a), undefined);
  assert.equal(table.get("a"), a);
  assert.equal(table.revision, 1);
  assert.equal(table.upsert(a), a, "the same object again");
  assert.equal(table.revision, 1, "is no change");
  assert.equal(table.upsert(pod("a", "n2")), a);
  assert.equal(table.size, 1);
  assert.equal(table.delete("a")?.node, "n2");
  assert.equal(table.delete("a"), undefined);
  assert.equal(table.revision, 3);
  assert.equal(table.has("a"), false);
});

test("by() follows rows through changes of value, several values and none", () => {
  const table = makeTable();
  table.upsertMany([pod("a", "n1", "10.0.0.1", "fd00::1"), pod("b", "n1", "10.0.0.2"), pod("c", undefined)]);
  assert.deepEqual(names(table.by("node", "n1")), ["a", "b"]);
  assert.deepEqual(names(table.by("ip", "fd00::1")), ["a"]);
  table.upsert(pod("a", "n2", "10.0.0.1", "10.0.0.2"));
  assert.deepEqual(names(table.by("node", "n1")), ["b"]);
  assert.deepEqual(names(table.by("node", "n2")), ["a"]);
  assert.deepEqual(names(table.by("ip", "fd00::1")), []);
  assert.deepEqual(names(table.by("ip", "10.0.0.2")).sort(), ["a", "b"]);
  table.delete("b");
  assert.deepEqual(names(table.by("ip", "10.0.0.2")), ["a"]);
  table.upsert(pod("a", undefined));
  assert.deepEqual(names(table.by("node", "n2")), []);
  assert.throws(() => table.by("nope", 1), /no index "nope"/);
});

test("indexes agree with a scan after many random changes", () => {
  const table = makeTable();
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % below;
  };
  for (let i = 0; i < 3000; i++) {
    const name = `p${random(50)}`;
    const ips = Array.from({ length: random(3) }, () => `ip${random(10)}`);
    if (random(4) === 0) table.delete(name);
    else table.upsert(pod(name, random(5) === 0 ? undefined : `n${random(4)}`, ...ips));
  }
  for (let n = 0; n < 10; n++) {
    const scan = (keep: (row: Pod) => boolean) => names([...table.all()].filter(keep)).sort();
    assert.deepEqual(
      names(table.by("ip", `ip${n}`)).sort(),
      scan((row) => row.ips.includes(`ip${n}`)),
    );
    assert.deepEqual(
      names(table.by("node", `n${n}`)).sort(),
      scan((row) => row.node === `n${n}`),
    );
  }
});

test("rows are frozen, to the depth, under the test runner", () => {
  const table = makeTable();
  const row = { name: "a", ips: ["10.0.0.1"] };
  table.upsert(row);
  assert.throws(() => row.ips.push("x"), TypeError);
});

test("onChange() delivers one batch a turn with one change a key", async () => {
  const table = makeTable();
  table.upsertMany([pod("old", "n1"), pod("gone", "n1")]);
  const batches: Batch<Pod>[] = [];
  using _subscription = table.onChange((batch) => batches.push(batch));
  table.upsert(pod("old", "n2"));
  table.upsert(pod("old", "n3"));
  table.delete("gone");
  table.upsert(pod("new", "n1"));
  table.upsert(pod("flash", "n1"));
  table.delete("flash");
  assert.equal(batches.length, 0, "nothing is delivered while the change is under way");
  await turn();
  assert.deepEqual(batches.map(show), [["upsert old@n3", "delete gone@n1", "upsert new@n1"]]);
  const [first] = batches[0] ?? [];
  assert.equal(first?.kind === "upsert" && first.previous?.node, "n1", "previous is the row as last delivered");
});

test("a deleted and re-made row is an upsert; a changed and deleted one is deleted as it was last seen", async () => {
  const table = makeTable();
  table.upsertMany([pod("a", "n1"), pod("b", "n1")]);
  const batches: Batch<Pod>[] = [];
  using _subscription = table.onChange((batch) => batches.push(batch));
  table.delete("a");
  table.upsert(pod("a", "n9"));
  table.upsert(pod("b", "n9"));
  table.delete("b");
  await turn();
  assert.deepEqual(batches.map(show), [["upsert a@n9", "delete b@n1"]]);
});

test("a listener gets no changes from before it came, nor after it left", async () => {
  const table = makeTable();
  const early: string[] = [];
  const late: string[] = [];
  using _early = table.onChange((batch) => early.push(...show(batch)));
  table.upsert(pod("a", "n1"));
  const subscription = table.onChange((batch) => late.push(...show(batch)));
  table.upsert(pod("b", "n1"));
  await turn();
  subscription[Symbol.dispose]();
  table.upsert(pod("c", "n1"));
  await turn();
  assert.deepEqual(early, ["upsert a@n1", "upsert b@n1", "upsert c@n1"]);
  assert.deepEqual(late, ["upsert b@n1"]);
});

test("a listener that throws is logged and does not keep others from their batch", async () => {
  const table = makeTable();
  const lines: string[] = [];
  configureLogging({ write: (line) => void lines.push(line) });
  const seen: string[] = [];
  using _bad = table.onChange(() => {
    throw new Error("broken listener");
  });
  using _good = table.onChange((batch) => seen.push(...show(batch)));
  table.upsert(pod("a", "n1"));
  await turn();
  configureLogging({ write: (line) => void process.stderr.write(line) });
  assert.deepEqual(seen, ["upsert a@n1"]);
  assert.match(lines.join(""), /broken listener/);
});

test("watch() starts with all rows, then merges for a slow consumer, and ends with its signal", async () => {
  const table = makeTable();
  table.upsert(pod("a", "n1"));
  const stop = new AbortController();
  const watch = table.watch({ signal: stop.signal });
  table.upsert(pod("b", "n1"));
  const first = await watch.next();
  assert.deepEqual(show(first.value), ["upsert a@n1"]);
  for (let i = 2; i < 10; i++) {
    table.upsert(pod("a", `n${i}`));
    await turn();
  }
  const second = await watch.next();
  assert.deepEqual(show(second.value), ["upsert b@n1", "upsert a@n9"]);
  const waiting = watch.next();
  stop.abort();
  assert.equal((await waiting).done, true);
});

test("watch({ initial: false }) gives later changes only; leaving the loop ends the subscription", async () => {
  const table = makeTable();
  table.upsert(pod("a", "n1"));
  const watch = table.watch({ initial: false });
  table.upsert(pod("b", "n1"));
  for await (const batch of watch) {
    assert.deepEqual(show(batch), ["upsert b@n1"]);
    break;
  }
  assert.equal((await watch.next()).done, true);
});

test("watch() of an empty table begins with an empty batch", async () => {
  const watch = makeTable().watch();
  assert.deepEqual((await watch.next()).value, []);
  await watch.return?.();
});

test("initialized() waits for every source, and gives up with the signal", async () => {
  const table = makeTable();
  await table.initialized();
  const etcd = table.registerInitializer("etcd");
  const files = table.registerInitializer("files");
  assert.deepEqual(table.pendingInitializers, ["etcd", "files"]);
  let ready = false;
  const wait = table.initialized().then(() => {
    ready = true;
  });
  etcd();
  etcd();
  await turn();
  assert.equal(ready, false);
  const stop = new AbortController();
  const given = table.initialized(stop.signal);
  stop.abort(new Error("enough"));
  await assert.rejects(given, /enough/);
  files();
  await wait;
  assert.equal(ready, true);
});
