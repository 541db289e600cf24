// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MonitorRecord } from "../../src/api/index.ts";
import type { EventReader } from "../../src/datapath/index.ts";
import { createEventModule } from "./events.ts";

/** A ring buffer that hands over the same memory again and again, as the real one does. */
function memoryReader() {
  const memory = Buffer.alloc(4);
  let handler: (bytes: Uint8Array) => void = () => {};
  let closed = 0;
  const reader: EventReader = {
    start: () => {},
    startRaw: (onRecord) => {
      handler = onRecord;
    },
    stop: () => {},
    lost: 3,
    received: 2,
    [Symbol.dispose]: () => {
      closed++;
    },
  };
  const emit = (value: number) => {
    memory.fill(value);
    handler(memory);
  };
  return { reader, emit, closed: () => closed };
}

test("listeners get records of their own, until they leave", async () => {
  const { reader, emit, closed } = memoryReader();
  const events = createEventModule({ createEventReader: () => reader });
  const early: MonitorRecord[] = [];
  using _early = events.subscribe((record) => early.push(record));
  await events.start(new AbortController().signal);
  const late: MonitorRecord[] = [];
  emit(1);
  const leave = events.subscribe((record) => late.push(record));
  emit(2);
  leave[Symbol.dispose]();
  emit(3);
  assert.deepEqual(
    early.map(({ data }) => [...data]),
    [
      [1, 1, 1, 1],
      [2, 2, 2, 2],
      [3, 3, 3, 3],
    ],
  );
  assert.deepEqual(
    late.map(({ data }) => data[0]),
    [2],
  );
  assert.deepEqual(events.counts(), { read: 2, lost: 3 });
  assert.deepEqual(events.health?.(), { state: "ok", message: "3 events lost" });
  await events.stop?.();
  assert.equal(closed(), 1);
  assert.deepEqual(events.counts(), { read: 0, lost: 0 });
});

test("listeners are told what was lost while they listened, and without listeners nothing is handed over", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let lost = 5;
  let handler: (bytes: Uint8Array) => void = () => {};
  let options: Parameters<EventReader["startRaw"]>[1];
  const reader: EventReader = {
    start: () => {},
    startRaw: (onRecord, given) => {
      [handler, options] = [onRecord, given];
    },
    stop: () => {},
    get lost() {
      return lost;
    },
    received: 0,
    [Symbol.dispose]: () => {},
  };
  const events = createEventModule({ createEventReader: () => reader });
  await events.start(new AbortController().signal);
  assert.equal(options?.wanted?.(), false);
  lost = 7;
  const records: MonitorRecord[] = [];
  const leave = events.subscribe((record) => records.push(record));
  assert.equal(options?.wanted?.(), true);
  for (const now of [7, 17, 20]) {
    handler(Uint8Array.of(1));
    lost = now;
    options?.onBatchEnd?.();
  }
  t.mock.timers.tick(100);
  options?.onBatchEnd?.();
  t.mock.timers.tick(100);
  assert.deepEqual(
    records.filter(({ type }) => type === 2),
    [{ data: new Uint8Array(0), cpu: 0, lost: 13, type: 2 }],
  );
  assert.equal(records.length, 4);
  leave[Symbol.dispose]();
  assert.equal(options?.wanted?.(), false);
  await events.stop?.();
});
