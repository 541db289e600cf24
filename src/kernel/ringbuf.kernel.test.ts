// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../core/testing.ts";
import { loadObject } from "./bpf/loader.ts";
import { BpfMap } from "./bpf/map.ts";
import type { BpfObject } from "./bpf/object.ts";
import { RingBuffer } from "./ringbuf.ts";
import { compileSample, skbContext } from "./testing-sample.ts";
import "./testing.ts";

const sample = compileSample();
after(() => rmSync(sample.directory, { recursive: true }));

function load(): BpfObject {
  return loadObject(sample.path, { rodata: { sample_u32: 77 }, programs: ["sample_emit"] });
}

/** Writes `count` (≤ 64) records and a discarded one, `repeat` times; returns how many of the last run were lost. */
function emit(object: BpfObject, count: number, repeat = 1): number {
  const ctx = skbContext({ mark: count });
  return object.program("sample_emit").testRun({ data: new Uint8Array(64), ctx, repeat }).retval;
}

test("consume() hands over each record once, in order, without the discarded ones", () => {
  using object = load();
  using ring = new RingBuffer(object.map("sample_events"));
  emit(object, 5);
  assert.equal(ring.pendingBytes, 5 * 24 + 32);
  const seen: [number, number, number][] = [];
  const count = ring.consume((_, view, offset, length) => {
    seen.push([view.getUint32(offset, true), view.getUint32(offset + 4, true), length]);
  });
  assert.equal(count, 5);
  assert.deepEqual(
    seen,
    [0, 1, 2, 3, 4].map((i) => [i, 77, 16]),
  );
  assert.equal(ring.pendingBytes, 0);
  assert.equal(
    ring.consume(() => assert.fail("nothing is there")),
    0,
  );
});

test("consume() stops at its limit and goes on there; a record is not seen twice after a throw", () => {
  using object = load();
  using ring = new RingBuffer(object.map("sample_events"));
  emit(object, 10);
  assert.equal(
    ring.consume(() => {}, 4),
    4,
  );
  const next: number[] = [];
  assert.throws(() =>
    ring.consume((_, view, offset) => {
      next.push(view.getUint32(offset, true));
      throw new Error("handler");
    }),
  );
  ring.consume((_, view, offset) => next.push(view.getUint32(offset, true)));
  assert.deepEqual(next, [4, 5, 6, 7, 8, 9]);
});

test("records stay whole around the end of the buffer, for many rounds", () => {
  using object = load();
  using ring = new RingBuffer(object.map("sample_events"));
  const buffers = new Map<Uint8Array, number>();
  for (let round = 0; round < 400; round++) {
    emit(object, 61);
    let expected = 0;
    ring.consume((bytes, view, offset, length) => {
      buffers.set(bytes, (buffers.get(bytes) ?? 0) + 1);
      assert.deepEqual([view.getUint32(offset, true), view.getUint32(offset + 4, true)], [expected, 77]);
      assert.deepEqual([view.getBigUint64(offset + 8, true), length], [BigInt(expected), 16]);
      assert.equal(bytes[offset], expected++);
    });
    assert.equal(expected, 61);
  }
  // The ring's own, and one for records that its end broke.
  assert.equal(buffers.size, 2);
});

test("a full buffer loses the newest, and takes records again after consume()", () => {
  using object = load();
  using ring = new RingBuffer(object.map("sample_events"));
  assert.equal(emit(object, 64, 200), 64);
  let sum = 0;
  const count = ring.consume(() => sum++);
  assert.equal(count, sum);
  // A record takes 24 bytes.
  assert.ok(count > 2000 && count <= 2731, String(count));
  assert.equal(emit(object, 64), 0);
  assert.equal(
    ring.consume(() => {}),
    64,
  );
});

test("start() is woken by records, stops with its handle, and can start again", async () => {
  using object = load();
  using ring = new RingBuffer(object.map("sample_events"));
  for (let round = 0; round < 2; round++) {
    let seen = 0;
    const batches: number[] = [];
    const running = ring.start(() => seen++, { onBatchEnd: (count) => batches.push(count) });
    assert.throws(() => ring.start(() => {}), /it is started already/);
    emit(object, 3);
    await eventually("three records", () => seen >= 3);
    assert.equal(seen, 3);
    assert.equal(
      batches.reduce((a, b) => a + b, 0),
      3,
    );
    running[Symbol.dispose]();
    emit(object, 2);
    await sleep(20);
    assert.equal(seen, 3);
    assert.equal(
      ring.consume(() => {}),
      2,
    );
  }
});

test("start() with a rest sees the first record at once, and what comes during the rest behind it", async () => {
  using object = load();
  using ring = new RingBuffer(object.map("sample_events"));
  const seen = async (running: { count: number }, wanted: number) => {
    await eventually(`${wanted} records`, () => running.count >= wanted);
    assert.equal(running.count, wanted);
  };
  const long = { count: 0 };
  const resting = ring.start(() => long.count++, { rest: 3_600_000 });
  emit(object, 3);
  await seen(long, 3);
  emit(object, 2);
  await sleep(50);
  assert.equal(long.count, 3);
  resting[Symbol.dispose]();
  const short = { count: 0 };
  using _running = ring.start(() => short.count++, { rest: 1 });
  await seen(short, 2);
  for (let round = 1; round <= 5; round++) {
    emit(object, 1);
    await sleep(round * 2);
    emit(object, 1);
    await seen(short, 2 + 2 * round);
  }
});

test("a handler may end a reader that rests between runs", async () => {
  using object = load();
  using ring = new RingBuffer(object.map("sample_events"));
  let count = 0;
  const running = ring.start(
    () => {
      count++;
      running[Symbol.dispose]();
    },
    { rest: 1 },
  );
  emit(object, 1);
  await eventually("a record", () => count >= 1);
  emit(object, 1);
  await sleep(20);
  assert.equal(count, 1);
});

test("a second reader goes on where the first one stopped", () => {
  using object = load();
  emit(object, 4);
  {
    using ring = new RingBuffer(object.map("sample_events"));
    ring.consume(() => {}, 3);
  }
  using ring = new RingBuffer(object.map("sample_events"));
  assert.equal(
    ring.consume(() => {}),
    1,
  );
});

test("other maps are refused", () => {
  using map = BpfMap.create({ type: "array", keySize: 4, valueSize: 4, maxEntries: 1, name: "arr" });
  assert.throws(() => new RingBuffer(map), /Cannot read map "arr" as ring buffer: its type is array/);
});
