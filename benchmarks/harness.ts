// SPDX-License-Identifier: Apache-2.0
// What benchmarks give back, and how they measure: variants in turn, medians, ratios of pairs.

import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** One measured case of one variant. */
export interface Row {
  readonly case: string;
  readonly variant: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly n: number;
}

/** A figure that a target speaks about. */
export interface Ratio {
  readonly name: string;
  readonly value: number;
  readonly target: number;
  readonly met: boolean;
}

/** What a benchmark measured. */
export interface Figures {
  readonly rows: readonly Row[];
  readonly ratios: readonly Ratio[];
}

/** A benchmark; `benchmarks/NAME.bench.ts` exports one as `bench`. */
export interface Benchmark {
  readonly name: string;
  /** One line for --list. */
  readonly description: string;
  /** `progress` prints a plain line on standard error. */
  run(progress: (line: string) => void): Promise<Figures>;
}

/** The file that --json writes. */
export interface Result extends Figures {
  readonly name: string;
  readonly date: string;
  readonly machine: Machine;
}

/** Where it was measured. */
export interface Machine {
  readonly kernel: string;
  readonly cpus: number;
  readonly cpuModel: string;
  /** Bytes. */
  readonly memory: number;
}

/** This machine. */
export function thisMachine(): Machine {
  const model = /^model name\s*:\s*(.+)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
  return { kernel: release(), cpus: cpus().length, cpuModel: model ?? process.arch, memory: totalmem() };
}

/** Measures variants in turn, A B A B …, after one round that does not count. At least 5 rounds. */
export async function inTurn<Name extends string>(
  variants: Readonly<Record<Name, () => number | Promise<number>>>,
  rounds = 5,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(variants) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = -1; round < Math.max(5, rounds); round++) {
    for (const name of names) {
      const value = await variants[name]();
      if (round >= 0) samples[name].push(value);
    }
  }
  return samples;
}

/** A row from samples. */
export function row(name: string, variant: string, unit: string, samples: readonly number[]): Row {
  return {
    case: name,
    variant,
    unit,
    median: round(median(samples)),
    min: round(Math.min(...samples)),
    max: round(Math.max(...samples)),
    n: samples.length,
  };
}

/** The median of the ratios of samples taken in the same round. */
export function pairedRatio(a: readonly number[], b: readonly number[]): number {
  return median(a.map((value, i) => value / (b[i] ?? Number.NaN)));
}

/** A figure against its target: `at least` or `at most`. */
export function ratio(name: string, value: number, kind: "at least" | "at most", target: number): Ratio {
  return { name, value: round(value), target, met: kind === "at least" ? value >= target : value <= target };
}

/** The middle of the samples; of an even number, the mean of the two in the middle. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The smallest sample that so large a part (0 to 1) of them does not exceed. */
export function percentile(samples: readonly number[], part: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

/** Bytes of heap in use after a full collection. */
export function heapUsed(): number {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  for (let i = 0; i < 3; i++) collect();
  return process.memoryUsage().heapUsed;
}

function round(value: number): number {
  return Number(value.toPrecision(5));
}
