// SPDX-License-Identifier: Apache-2.0
// A new identity has arrived when the policies of all nodes that say so know it; who never does holds nobody up twice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { FakeClock } from "../core/index.ts";
import { eventually } from "../core/testing.ts";
import { openKvstore } from "../kvstore/index.ts";
import { appliedPrefix, IdentityArrivals } from "./arrivals.ts";

let stores = 0;

/** Two nodes over one store, each with a clock of its own. */
function pair() {
  const name = `arrivals-test-${stores++}`;
  const clock = new FakeClock();
  const open = () => openKvstore({ kind: "memory", options: { "memory.name": name } });
  const node = (self: string) => {
    const kvstore = open();
    return { kvstore, arrivals: new IdentityArrivals({ kvstore, clock, nodeCount: () => 2 }, self) };
  };
  const [one, two] = [node("default/one"), node("default/two")];
  return {
    ...{ clock, one: one.arrivals, two: two.arrivals, kvstore: one.kvstore },
    /** Until the store has what the node says. */
    async told(revision: bigint): Promise<void> {
      clock.advance(2);
      const key = `${appliedPrefix}default/two`;
      await eventually("the node's word", async () => (await one.kvstore.get(key))?.value === `${revision}`);
    },
    [Symbol.asyncDispose]: async () => {
      for (const { arrivals, kvstore } of [one, two]) {
        await arrivals.stop();
        await kvstore.close();
      }
    },
  };
}

/** What it resolved with, as far as it did. */
function watched(promise: Promise<readonly string[]>): { lagging?: readonly string[] } {
  const seen: { lagging?: readonly string[] } = {};
  void promise.then((lagging) => {
    seen.lagging = lagging;
  });
  return seen;
}

test("arrived() waits for this node and for all others that say what they know", async () => {
  await using nodes = pair();
  nodes.two.applied(5n);
  await nodes.told(5n);
  const arrived = watched(nodes.one.arrived(7n, 5000));
  nodes.two.applied(7n);
  await nodes.told(7n);
  for (let turns = 0; turns < 20; turns++) await turn();
  assert.equal(arrived.lagging, undefined, "this node does not know it yet");
  nodes.one.applied(8n);
  await eventually("the arrival", () => arrived.lagging !== undefined);
  assert.deepEqual(arrived.lagging, []);
  assert.deepEqual(await nodes.one.arrived(6n, 5000), [], "what was written before has arrived, too");
});

test("arrived() gives up on a node, which holds nobody up again before it moves", async () => {
  await using nodes = pair();
  nodes.two.applied(5n);
  await nodes.told(5n);
  nodes.one.applied(9n);
  const first = watched(nodes.one.arrived(7n, 5000));
  await eventually("the wait", async () => {
    await turn();
    nodes.clock.advance(500);
    return first.lagging !== undefined;
  });
  assert.deepEqual(first.lagging, ["default/two"]);
  // Also when nobody has listened for a while.
  nodes.clock.advance(60_000);
  assert.deepEqual(await nodes.one.arrived(8n, 5000), []);
  nodes.two.applied(6n);
  await nodes.told(6n);
  const again = watched(nodes.one.arrived(9n, 5000));
  for (let turns = 0; turns < 20; turns++) await turn();
  assert.equal(again.lagging, undefined, "it has moved, so it is waited for");
  nodes.two.applied(9n);
  await nodes.told(9n);
  await eventually("the arrival", () => again.lagging !== undefined);
  assert.deepEqual(again.lagging, []);
});

test("arrived() waits for no node that is gone, and for none whose word makes no sense", async () => {
  await using nodes = pair();
  nodes.one.applied(9n);
  await nodes.kvstore.put(`${appliedPrefix}default/three`, "1");
  await nodes.kvstore.put(`${appliedPrefix}default/four`, "soon");
  const arrived = watched(nodes.one.arrived(9n, 5000));
  for (let turns = 0; turns < 20; turns++) await turn();
  assert.equal(arrived.lagging, undefined);
  await nodes.kvstore.delete(`${appliedPrefix}default/three`);
  await eventually("the arrival", () => arrived.lagging !== undefined);
  assert.deepEqual(arrived.lagging, []);
});
