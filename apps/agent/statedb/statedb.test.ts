// SPDX-License-Identifier: Apache-2.0
// Tables as they are served: rows, questions, and changes for readers that are slow.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ApiError, type StatedbChange } from "../../../src/api/index.ts";
import { doneStatus, errorStatus, Labels, pendingStatus, type Status, Table } from "../../../src/core/index.ts";
import { createStatedbApi } from "./api.ts";
import { serveSnapshot, serveTable, statusColumns } from "./served.ts";

interface Row {
  readonly id: number;
  readonly labels: Labels;
  readonly status: Status;
}

const row = (id: number, status: Status = doneStatus(0)): Row => ({
  id,
  labels: Labels.parse([`k8s:id=${id}`]),
  status,
});

function setUp(snapshot: () => readonly (readonly [string, number])[] = () => []) {
  const table = new Table<Row, number>({ name: "rows", key: ({ id }) => id });
  const columns = { ID: ({ id }: Row) => id, Labels: ({ labels }: Row) => labels, ...statusColumns };
  const served = serveTable(table, { name: "rows", columns, indexes: ["Labels"] });
  const looked = serveSnapshot(snapshot, {
    name: "looked",
    columns: { Name: ([name]) => name, Value: ([, value]) => value },
  });
  return { table, api: createStatedbApi([served, looked]) };
}

/** The next `count` changes. */
async function take(changes: AsyncIterator<StatedbChange>, count: number): Promise<StatedbChange[]> {
  const taken: StatedbChange[] = [];
  while (taken.length < count) taken.push((await changes.next()).value as StatedbChange);
  return taken;
}

test("rows are sorted by key, with how far their reconciler is", () => {
  const { table, api } = setUp();
  table.upsertMany([row(10, pendingStatus(0)), row(9, errorStatus("full", 0))]);
  const since = "1970-01-01T00:00:00.000Z";
  assert.deepEqual(api.rows("rows"), [
    { ID: 9, Labels: ["k8s:id=9"], Status: "error", Since: since, Error: "full" },
    { ID: 10, Labels: ["k8s:id=10"], Status: "pending", Since: since, Error: "" },
  ]);
  assert.deepEqual(api.tables()[0], {
    ...{ name: "rows", objects: 2, revision: 2, indexes: ["ID", "Labels"], initializers: [] },
    columns: ["ID", "Labels", "Status", "Since", "Error"],
  });
  assert.equal(api.rows("none"), undefined);
});

test("rows are found by key, by prefix, and from a key on; lists by each of their items", () => {
  const { table, api } = setUp();
  table.upsertMany([1, 9, 10, 11].map((id) => row(id)));
  const ids = (query: Omit<Parameters<typeof api.query>[0], "table">) =>
    api.query({ table: "rows", ...query })?.map(({ ID }) => ID);
  assert.deepEqual(ids({ key: "1" }), [1]);
  assert.deepEqual(ids({ key: "1", match: "prefix" }), [1, 10, 11]);
  assert.deepEqual(ids({ key: "9", match: "lowerbound" }), [9, 10, 11]);
  assert.deepEqual(ids({ key: "k8s:id=9", index: "Labels" }), [9]);
  assert.throws(
    () => ids({ key: "1", index: "Status" }),
    (error: unknown) => error instanceof ApiError && error.status === 400 && /there are ID, Labels/.test(error.message),
  );
  assert.equal(api.query({ table: "none", key: "1" }), undefined);
});

test("a slow reader gets each row's last state once, however often it changed", async () => {
  const { table, api } = setUp();
  const stop = new AbortController();
  table.upsert(row(1));
  const changes = api.changes("rows", stop.signal)?.[Symbol.asyncIterator]();
  assert.ok(changes);
  const [first] = await take(changes, 1);
  assert.deepEqual([first?.key, first?.init], ["1", true]);
  const next = changes.next();
  for (let round = 0; round < 1000; round++) {
    table.upsert(row(2, pendingStatus(round)));
    if (round === 0) {
      await turn();
      assert.equal(((await next).value as StatedbChange).key, "2");
    }
    if (round % 100 === 0) await turn();
  }
  table.delete(1);
  await turn();
  const [changed, gone] = await take(changes, 2);
  assert.equal(changed?.obj?.Since, new Date(999).toISOString());
  assert.deepEqual([gone?.key, gone?.deleted, gone?.obj?.ID], ["1", true, 1]);
  const end = changes.next();
  stop.abort();
  assert.equal((await end).done, true);
});

test("the first rows of a table that was empty are marked as the beginning", async () => {
  const { table, api } = setUp();
  const stop = new AbortController();
  const changes = api.changes("rows", stop.signal)?.[Symbol.asyncIterator]();
  assert.ok(changes);
  const both = take(changes, 2);
  await turn();
  table.upsertMany([row(1), row(2)]);
  assert.deepEqual(
    (await both).map(({ init }) => init),
    [undefined, true],
  );
  stop.abort();
});

test("a snapshot is looked at again while somebody watches, and ends with the watcher", async () => {
  let looks = 0;
  const { api } = setUp(() =>
    looks++ < 2
      ? [
          ["a", 1],
          ["b", 1],
        ]
      : [["a", 2]],
  );
  const stop = new AbortController();
  const changes = api.changes("looked", stop.signal)?.[Symbol.asyncIterator]();
  assert.ok(changes);
  const [a, b, changed, gone] = await take(changes, 4);
  assert.deepEqual(
    [a?.obj, b?.init, changed?.obj, gone?.deleted],
    [{ Name: "a", Value: 1 }, true, { Name: "a", Value: 2 }, true],
  );
  const end = changes.next();
  stop.abort();
  assert.equal((await end).done, true);
  const before = looks;
  await turn();
  assert.equal(looks, before);
});

test("a table whose key is no column is asked by id; names of indexes are the same in any case", () => {
  const pairs = serveSnapshot(() => [{ a: 1, b: 2 }], {
    name: "pairs",
    key: ({ a, b }) => `${a}:${b}`,
    indexes: ["B"],
    columns: { A: ({ a }) => a, B: ({ b }) => b },
  });
  const api = createStatedbApi([pairs]);
  assert.deepEqual(api.tables()[0]?.indexes, ["id", "B"]);
  assert.deepEqual(api.query({ table: "pairs", key: "1:", match: "prefix" }), [{ A: 1, B: 2 }]);
  assert.deepEqual(api.query({ table: "pairs", key: "2", index: "b" }), [{ A: 1, B: 2 }]);
});
