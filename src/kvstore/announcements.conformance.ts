// SPDX-License-Identifier: Apache-2.0
// What announcements cost a store; part of the contract of Kvstore.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAnnouncements } from "./announcements.ts";
import type { KvstoreFixture } from "./kvstore.conformance.ts";
import type { Kvstore } from "./types.ts";

/** Declares the tests. */
export function testAnnouncements(create: () => Promise<KvstoreFixture>): void {
  test("announcements of one turn are written together", async () => {
    await using fixture = await create();
    await using kv = fixture.open();
    let operations = 0;
    const txn: Kvstore["txn"] = async (...of) => {
      operations++;
      return await kv.txn(...of);
    };
    const never = () => ({ [Symbol.dispose]: () => {} });
    const counted = { txn, onLeaseLost: never, onReconnect: never };
    await using announced = createAnnouncements(counted);
    const keys = Array.from({ length: 100 }, (_, n) => `t/${n}`);
    for (const key of keys) announced.set(key, "1");
    announced.delete("t/7");
    await announced.settled();
    const { items } = await kv.list("t/");
    assert.deepEqual(items.map(({ key }) => key).sort(), keys.filter((key) => key !== "t/7").sort());
    assert.ok(items.every(({ lease }) => lease !== 0n));
    // 99 puts, 64 at a time; what was never written needs no delete.
    assert.equal(operations, 2);
  });
}
