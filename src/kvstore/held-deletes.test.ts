// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../core/index.ts";
import { HeldDeletes } from "./held-deletes.ts";
import type { KvEvent } from "./types.ts";

function make() {
  const clock = new FakeClock();
  const seen: string[] = [];
  const apply = (event: KvEvent) => seen.push(event.kind === "put" ? event.entry.key : `-${event.key}`);
  const held = new HeldDeletes({ apply, clock, graceMs: 5_000, lostMs: 900_000 });
  const put = (key: string): KvEvent => ({
    kind: "put",
    entry: { key, value: "", createRevision: 1n, modRevision: 1n, lease: 0n },
  });
  const change = (revision: bigint, events: readonly (KvEvent | string)[], resync = false) =>
    held.take({
      initial: false,
      resync,
      revision,
      events: events.map((event) => (typeof event === "string" ? { kind: "delete", key: event, revision } : event)),
    });
  return { clock, seen, held, put, change };
}

test("a delete waits for the grace; a put in time takes its place", () => {
  const { clock, seen, held, put, change } = make();
  change(10n, [put("a"), put("b")]);
  change(11n, ["a", "b"]);
  clock.advance(4_999);
  change(12n, [put("a")]);
  assert.deepEqual(seen.splice(0), ["a", "b", "a"]);
  clock.advance(1);
  assert.deepEqual(seen, ["-b"]);
  assert.equal(held.size, 0);
});

test("what a store lost that is behind itself stays for as long as a lease", () => {
  const { clock, seen, put, change } = make();
  change(1000n, [put("a"), put("b"), put("c")]);
  change(3n, ["a", "b"], true);
  change(4n, ["c"]);
  change(5n, [put("a")]);
  clock.advance(5_000);
  assert.deepEqual(seen.splice(3), ["a", "-c"]);
  // A second loss of the connection says again that it is gone.
  change(9n, ["b"], true);
  clock.advance(895_000 - 1);
  assert.deepEqual(seen.splice(3), []);
  clock.advance(1);
  assert.deepEqual(seen.splice(3), ["-b"]);
});

test("a resync of a store that lost nothing waits no longer than others; disposal ends waiting", () => {
  const { clock, seen, held, change } = make();
  change(10n, []);
  change(11n, ["a"], true);
  clock.advance(5_000);
  assert.deepEqual(seen, ["-a"]);
  change(12n, ["b"]);
  held[Symbol.dispose]();
  clock.advance(1_000_000);
  assert.deepEqual(seen, ["-a"]);
});
