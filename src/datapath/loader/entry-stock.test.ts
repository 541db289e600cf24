// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { EntryPair } from "./entry-programs.ts";
import { EntryStock } from "./entry-stock.ts";

function setup(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const loaded: number[] = [];
  const open = new Map<EntryPair, number>();
  const stock = new EntryStock((id) => {
    loaded.push(id);
    const pair = { [Symbol.dispose]: () => void open.delete(pair) } as unknown as EntryPair;
    open.set(pair, id);
    return pair;
  });
  const wait = () => {
    for (let i = 0; i < 20; i++) t.mock.timers.tick(1000);
  };
  return { stock, loaded, open, wait };
}

test("expected programs are loaded one after the other when nobody comes, and given once", (t) => {
  const { stock, loaded, open, wait } = setup(t);
  stock.expect([1, 2, 3]);
  assert.deepEqual(loaded, []);
  wait();
  assert.deepEqual(loaded, [1, 2, 3]);
  const pair = stock.take(2);
  assert.deepEqual([open.get(pair), loaded.length], [2, 3]);
  assert.notEqual(stock.take(2), pair);
  assert.deepEqual(loaded, [1, 2, 3, 2]);
});

test("those expected before stay for endpoints on their way, until they are dropped or too many", (t) => {
  const { stock, open, wait } = setup(t);
  stock.expect([1, 2]);
  wait();
  stock.expect([3]);
  wait();
  assert.deepEqual([...open.values()], [1, 2, 3]);
  stock.drop(1);
  assert.deepEqual([...open.values()], [2, 3]);
  for (let id = 10; id < 100; id++) {
    stock.expect([id]);
    wait();
  }
  assert.ok(open.size <= 33, `${open.size} pairs`);
});

test("another generation replaces all; nothing stays open in the end", (t) => {
  const { stock, loaded, open, wait } = setup(t);
  stock.expect([1, 2]);
  wait();
  stock.renew();
  assert.equal(open.size, 0);
  wait();
  assert.deepEqual(loaded, [1, 2, 1, 2]);
  stock[Symbol.dispose]();
  wait();
  assert.deepEqual([open.size, loaded.length], [0, 4]);
});
