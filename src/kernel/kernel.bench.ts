// SPDX-License-Identifier: Apache-2.0
// What the ways into the kernel cost. Run it directly, or import run().
import { rmSync } from "node:fs";
import { loadObject } from "./bpf/loader.ts";
import { BpfMap } from "./bpf/map.ts";
import { RingBuffer } from "./ringbuf.ts";
import { compileSample, skbContext } from "./testing-sample.ts";

export interface BenchmarkResult {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

const ROWS = 100_000;
const ROUNDS = 5;

/** Median of some rounds, in nanoseconds for each of `count`. */
function nanoseconds(count: number, action: () => void): number {
  const rounds = Array.from({ length: ROUNDS }, () => {
    const start = process.hrtime.bigint();
    action();
    return Number(process.hrtime.bigint() - start) / count;
  });
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0;
}

function perSecond(name: string, ns: number): BenchmarkResult {
  return { name, value: Math.round(1e9 / ns), unit: "1/s" };
}

function mapBenchmarks(): BenchmarkResult[] {
  using map = BpfMap.create({ type: "hash", keySize: 16, valueSize: 16, maxEntries: 2 * ROWS, name: "bench" });
  const keys = new Uint8Array(ROWS * 16);
  const values = new Uint8Array(ROWS * 16);
  const numbers = new Uint32Array(keys.buffer);
  for (let i = 0; i < ROWS; i++) numbers[i * 4] = i;
  const key = new Uint8Array(16);
  const value = new Uint8Array(16);
  const first = new Uint32Array(key.buffer);
  const each = (action: () => void) => () => {
    for (let i = 0; i < ROWS; i++) {
      first[0] = i;
      action();
    }
  };
  return [
    perSecond(
      "kernel/map-update-batch",
      nanoseconds(ROWS, () => map.updateBatch(keys, values, ROWS)),
    ),
    perSecond(
      "kernel/map-entries",
      nanoseconds(ROWS, () => countEntries(map)),
    ),
    {
      name: "kernel/map-lookup-into",
      value: nanoseconds(
        ROWS,
        each(() => map.lookupInto(key, value)),
      ),
      unit: "ns",
    },
    {
      name: "kernel/map-lookup",
      value: nanoseconds(
        ROWS,
        each(() => map.lookup(key)),
      ),
      unit: "ns",
    },
    {
      name: "kernel/map-update",
      value: nanoseconds(
        ROWS,
        each(() => map.update(key, value)),
      ),
      unit: "ns",
    },
  ];
}

function countEntries(map: BpfMap): number {
  let count = 0;
  for (const _ of map.entries({ batchSize: 8192 })) count++;
  return count;
}

function objectBenchmarks(): BenchmarkResult[] {
  const sample = compileSample();
  try {
    const load = () => loadObject(sample.path, { programs: ["sample_tail"], rodata: { sample_u32: 1 } }).close();
    const loadNs = nanoseconds(10, () => {
      for (let i = 0; i < 10; i++) load();
    });
    return [{ name: "kernel/load-small-object", value: loadNs / 1e6, unit: "ms" }, ringBenchmark(sample.path)];
  } finally {
    rmSync(sample.directory, { recursive: true });
  }
}

/** Records of 16 bytes, read from a full buffer of 16 MiB. */
function ringBenchmark(path: string): BenchmarkResult {
  using object = loadObject(path, { maps: { sample_events: { maxEntries: 1 << 24 } }, programs: ["sample_emit"] });
  using ring = new RingBuffer(object.map("sample_events"));
  const emit = object.program("sample_emit");
  const best = { ns: Number.POSITIVE_INFINITY, sum: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    emit.testRun({ data: new Uint8Array(64), ctx: skbContext({ mark: 64 }), repeat: 15_000 });
    const start = process.hrtime.bigint();
    const count = ring.consume((_, view, offset) => {
      best.sum += view.getUint32(offset, true);
    });
    best.ns = Math.min(best.ns, Number(process.hrtime.bigint() - start) / count);
  }
  return perSecond("kernel/ring-events", best.ns);
}

export function run(): BenchmarkResult[] {
  return [...mapBenchmarks(), ...objectBenchmarks()];
}

if (import.meta.main) {
  for (const { name, value, unit } of run()) process.stdout.write(`${name} ${Number(value.toPrecision(4))} ${unit}\n`);
}
