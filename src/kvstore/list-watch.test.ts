// SPDX-License-Identifier: Apache-2.0
// A watch that waits before its next try goes on at once when the store answers again.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogger, FakeClock } from "../core/index.ts";
import { eventually } from "../core/testing.ts";
import { listAndWatch } from "./list-watch.ts";
import type { KvBatch } from "./types.ts";

test("listAndWatch() lists again when the store answers again, not when its pause is over", async () => {
  const stop = new AbortController();
  const listeners = new Set<() => void>();
  let away = true;
  let tries = 0;
  const connection = {
    async list() {
      tries++;
      if (away) throw new Error("nobody there");
      return { items: [], revision: 1n };
    },
    async *watch(): AsyncGenerator<KvBatch> {
      await new Promise<void>((resolve) => stop.signal.addEventListener("abort", () => resolve()));
    },
    onReconnect(listener: () => void) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
  };
  // Its clock stands still: no pause ends by itself.
  const context = { connection, clock: new FakeClock(), log: createLogger("test"), signal: stop.signal };
  const first = listAndWatch(context, "t/").next();
  await eventually("the first try", () => tries === 1 && listeners.size === 1);
  away = false;
  for (const listener of listeners) listener();
  const { value } = await first;
  assert.deepEqual(value, { initial: true, resync: false, events: [], revision: 1n });
  assert.equal(listeners.size, 0);
  stop.abort();
});
