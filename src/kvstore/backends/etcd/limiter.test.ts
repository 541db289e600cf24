// SPDX-License-Identifier: Apache-2.0
// The limiter bounds the rate and what is under way, in order.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { FakeClock } from "../../../core/index.ts";
import { Limiter } from "./limiter.ts";

const never = new AbortController().signal;

test("lets a second's worth through at once, the rest at the rate, in order", async () => {
  const clock = new FakeClock();
  const limiter = new Limiter({ clock, maxInflight: 100, ratePerSecond: () => 10 });
  const done: number[] = [];
  const all = Array.from({ length: 15 }, (_, n) => limiter.run(never, async () => void done.push(n)));
  await turn();
  assert.equal(done.length, 10);
  clock.advance(100);
  await turn();
  assert.equal(done.length, 11);
  for (let n = 0; n < 4; n++) {
    clock.advance(100);
    await turn();
  }
  await Promise.all(all);
  assert.deepEqual(
    done,
    Array.from({ length: 15 }, (_, n) => n),
  );
});

test("urgent operations go first, until an ordinary one has waited long enough", async () => {
  const clock = new FakeClock();
  const limiter = new Limiter({ clock, maxInflight: 100, ratePerSecond: () => 10 });
  const done: string[] = [];
  const run = (name: string, urgent: boolean) => limiter.run(never, async () => void done.push(name), { urgent });
  const all = Array.from({ length: 10 }, () => limiter.run(never, async () => {}));
  for (const name of ["a", "b"]) all.push(run(name, false));
  for (const name of ["U", "V", "W", "X"]) all.push(run(name, true));
  for (let step = 0; step < 6; step++) {
    clock.advance(100);
    await turn();
  }
  await Promise.all(all);
  // "a" has waited for 300 ms by its turn, and so has "b".
  assert.deepEqual(done, ["U", "V", "a", "b", "W", "X"]);
});

test("bounds what is under way, also when operations fail", async () => {
  const limiter = new Limiter({ clock: new FakeClock(), maxInflight: 2, ratePerSecond: () => 1000 });
  const gates = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  let running = 0;
  const operation = (gate: Promise<void>) => () => {
    running++;
    return gate;
  };
  const all = gates.map(({ promise }) => limiter.run(never, operation(promise)));
  const outcomes = Promise.allSettled(all);
  await turn();
  assert.equal(running, 2);
  gates[0]?.reject(new Error("failed"));
  await turn();
  assert.equal(running, 3);
  for (const gate of gates) gate.resolve();
  assert.deepEqual(
    (await outcomes).map(({ status }) => status),
    ["rejected", "fulfilled", "fulfilled", "fulfilled"],
  );
  assert.equal(running, 4);
});

test("the rate may change, and one who waits may give up", async () => {
  const clock = new FakeClock();
  const limiter = new Limiter({ clock, maxInflight: 10, ratePerSecond: (ms) => (ms < 1000 ? 1 : 100) });
  await limiter.run(never, async () => {});
  const stop = new AbortController();
  const waiting = limiter.run(stop.signal, async () => "ran");
  stop.abort(new Error("given up"));
  await assert.rejects(waiting, /given up/);
  const next = limiter.run(never, async () => "ran");
  clock.advance(1000);
  assert.equal(await next, "ran");
});

test("setting the machine's clock changes no rate", async () => {
  for (const jump of [3_600_000, -3_600_000]) {
    const clock = new FakeClock();
    const limiter = new Limiter({ clock, maxInflight: 10, ratePerSecond: () => 1 });
    await limiter.run(never, async () => {});
    clock.jump(jump);
    let ran = false;
    const next = limiter.run(never, async () => (ran = true));
    clock.advance(900);
    await turn();
    assert.equal(ran, false);
    clock.advance(100);
    assert.equal(await next, true);
  }
});
