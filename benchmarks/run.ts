// SPDX-License-Identifier: Apache-2.0
// npm run bench -- --list | NAME… [--json FILE]

import { readdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Benchmark, type Result, thisMachine } from "./harness.ts";

const SUFFIX = ".bench.ts";

class UsageError extends Error {}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Error)) throw error;
  console.error(`Error: ${error.message}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  const known = readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
    .sort();
  if (values.list) {
    for (const name of known) console.log(`${name.padEnd(14)} ${(await load(name)).description}`);
    return 0;
  }
  const unknown = positionals.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`Cannot run benchmark "${unknown}": unknown (known: ${known.join(", ")})`);
  }
  if (positionals.length === 0)
    throw new UsageError(`Cannot run benchmarks: no name given (known: ${known.join(", ")})`);
  const results: Result[] = [];
  for (const name of positionals) {
    const result = await measure(await load(name));
    print(result);
    results.push(result);
  }
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify(results.length === 1 ? results[0] : results, null, 2)}\n`);
  }
  return 0;
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { list: { type: "boolean", default: false }, json: { type: "string" } },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

async function load(name: string): Promise<Benchmark> {
  const module: { bench: Benchmark } = await import(`./${name}${SUFFIX}`);
  return module.bench;
}

async function measure(benchmark: Benchmark): Promise<Result> {
  const figures = await benchmark.run((line) => console.error(`${benchmark.name}: ${line}`));
  return { name: benchmark.name, date: new Date().toISOString(), machine: thisMachine(), ...figures };
}

function print({ name, rows, ratios, machine }: Result): void {
  console.log(`${name} (kernel ${machine.kernel}, ${machine.cpus} × ${machine.cpuModel})`);
  const table = [
    ["case", "variant", "unit", "median", "min", "max", "n"],
    ...rows.map((row) => [row.case, row.variant, row.unit, ...[row.median, row.min, row.max, row.n].map(String)]),
  ];
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((line) => (line[column] ?? "").length)));
  for (const line of table) console.log(`  ${line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")}`.trimEnd());
  for (const ratio of ratios) {
    console.log(`  ${ratio.met ? "met   " : "MISSED"} ${ratio.name}: ${ratio.value} (target ${ratio.target})`);
  }
}
