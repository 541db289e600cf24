// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeElement } from "../../../src/api/index.ts";
import { NodeClients } from "./node-clients.ts";
import { Recent } from "./recent.ts";

test("Recent gives the newest items, and those to come to who follows", async () => {
  const recent = new Recent<number>(3);
  const { signal } = new AbortController();
  for (let item = 0; item < 5; item++) recent.push(item);
  assert.deepEqual(await Array.fromAsync(recent.read({ follow: false, signal })), [2, 3, 4]);
  const stop = new AbortController();
  const following = recent.read({ follow: true, signal: stop.signal });
  const seen: number[] = [];
  for await (const item of following) {
    seen.push(item);
    if (item === 4) setImmediate(() => recent.push(5));
    if (item === 5) setImmediate(() => stop.abort());
  }
  assert.deepEqual(seen, [2, 3, 4, 5]);
});

test("Recent lets a reader that falls behind miss the oldest, and keeps a bounded number", async () => {
  const recent = new Recent<number>(10);
  const stop = new AbortController();
  recent.push(0);
  const slow = recent.read({ follow: true, signal: stop.signal });
  assert.equal((await slow.next()).value, 0);
  for (let item = 1; item < 1000; item++) recent.push(item);
  const next = (await slow.next()).value as number;
  assert.ok(next >= 1000 - 2 * 10 - 1 && next < 1000, String(next));
  stop.abort();
});

test("NodeClients tells a client what changed since it asked before", () => {
  const clients = new NodeClients();
  const node = (name: string, ip: string): NodeElement => ({ name, "primary-address": { ipv4: { ip } } });
  const first = clients.answer(0, "n1", [node("a", "1"), node("b", "1")]);
  assert.equal(first["nodes-added"].length, 2);
  const id = first["client-id"] ?? 0;
  assert.deepEqual(clients.answer(id, "n1", [node("a", "1"), node("b", "2"), node("c", "1")]), {
    ...{ "client-id": id, self: "n1" },
    "nodes-added": [node("b", "2"), node("c", "1")],
    "nodes-removed": [node("b", "1")],
  });
  assert.deepEqual(clients.answer(id, "n1", [node("a", "1")])["nodes-removed"], [node("b", "2"), node("c", "1")]);
  // 32 other clients later it is forgotten, and gets everything again.
  for (let other = 0; other < 32; other++) clients.answer(0, "n1", []);
  const again = clients.answer(id, "n1", [node("a", "1")]);
  assert.notEqual(again["client-id"], id);
  assert.equal(again["nodes-added"].length, 1);
});
