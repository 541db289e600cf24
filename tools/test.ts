// SPDX-License-Identifier: Apache-2.0
// Runs the tests: unit tests two at a time, then what needs the kernel in two rows side by side, then what looks at the
// whole machine alone; then looks for what was left behind.

import { readdirSync } from "node:fs";
import { cpus } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { compareSnapshots, RUN_MARK, type Snapshot, takeSnapshot } from "./leftovers.ts";
import { collectTestFiles, type RunOptions, runTestFiles, TestReport } from "./test-report.ts";

const root = join(import.meta.dirname, "..");
const FOLDERS = ["src", "apps", "tools", "tests", "examples"];
/** Files of these run beside the others: they share nothing of the machine with those, and none of them looks at it. */
const BESIDE = ["src/", "tests/datapath/", "tests/fuzz/", "tests/policy-scale/", "tests/scenarios/", "tests/threats/"];
/** Files that compare the machine before and after, or time something. */
const ALONE = ["tests/fuzz/cost.test.ts", "tests/scenarios/delete.test.ts", "tests/soak/", "tests/vm/", "tools/"];
/** Most time for one file, ms. */
const FILE_TIMEOUT = 300_000;
/** For those in an emulated machine, which have limits of their own. */
const VM_TIMEOUT = 1_300_000;
/** Up to so many failed files run once more, alone: on a busy machine a test may not get the time that it needs. */
const SECOND_RUNS = 3;
/** How long leftovers may take to go away: the kernel frees namespaces and devices with a delay. */
const SETTLE_MS = 5000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    unit: { type: "boolean", default: false },
    name: { type: "string" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log("Usage: npm test -- [PATTERN…] [--name REGEX] [--unit] [--list]\nPATTERN: part of a test file's path");
  process.exit(0);
}

const all = FOLDERS.flatMap((folder) => findTests(join(root, folder))).sort();
const chosen = all.filter((path) => positionals.length === 0 || positionals.some((part) => path.includes(part)));
const kernel = chosen.filter(needsKernel);
const unit = chosen.filter((path) => !needsKernel(path));
const files = values.unit ? unit : chosen;
if (files.length === 0) {
  console.error(`Error: Cannot find tests for "${positionals.join(" ")}" (see npm test -- --list)`);
  process.exit(1);
}
if (values.list) {
  for (const path of files) console.log(path);
  process.exit(0);
}
process.exitCode = (await main()) ? 0 : 1;

async function main(): Promise<boolean> {
  process.env[RUN_MARK] = `${process.pid}-${Date.now()}`;
  // A file that leaves a descriptor open fails.
  process.env.CILIUM_TS_FD_LEAKS = "1";
  const before = takeSnapshot();
  const report = new TestReport(root);
  const pattern = values.name === undefined ? {} : { testNamePatterns: [new RegExp(values.name)] };
  const absolute = (paths: readonly string[]) => paths.map((path) => join(root, path));
  const concurrency = Math.max(2, Math.min(4, cpus().length));
  if (unit.length > 0) {
    await runTestFiles(report, { files: absolute(unit), concurrency, timeout: FILE_TIMEOUT, ...pattern });
  }
  if (!values.unit)
    await runKernelTests(report, (paths) => ({ files: absolute(paths), timeout: FILE_TIMEOUT, ...pattern }));
  const leftovers = await findLeftovers(before);
  await report.finish();
  for (const line of leftovers) console.error(`Left behind by the tests: ${line}`);
  return (report.passed || (await passAlone(report.failedFiles))) && leftovers.length === 0;
}

/** Two rows side by side, one file of each at a time; then the rest, one by one. */
async function runKernelTests(report: TestReport, toOptions: (paths: readonly string[]) => RunOptions): Promise<void> {
  const within = (places: readonly string[]) => (path: string) => places.some((place) => path.startsWith(place));
  const alone = kernel.filter(within(ALONE));
  const shared = kernel.filter((path) => !alone.includes(path));
  const beside = shared.filter(within(BESIDE));
  const others = shared.filter((path) => !beside.includes(path));
  const options = (paths: readonly string[]) => ({ ...toOptions(paths), concurrency: 1 });
  const [events] = await Promise.all([
    beside.length === 0 ? [] : collectTestFiles(options(beside)),
    others.length === 0 ? undefined : runTestFiles(report, options(others)),
  ]);
  for (const event of events) report.add(event);
  for (const [timeout, paths] of byTimeout(alone)) await runTestFiles(report, { ...options(paths), timeout });
}

/** The files of each time limit, none without files. */
function byTimeout(files: readonly string[]): ReadonlyMap<number, readonly string[]> {
  return Map.groupBy(files, (path) => (/(^|\/)tests\/vm\//.test(path) ? VM_TIMEOUT : FILE_TIMEOUT));
}

/** Runs failed files a second time. What passes only then is named, since it is a defect of the test or worse. */
async function passAlone(failed: readonly string[]): Promise<boolean> {
  const alone = failed.every((path) => path.endsWith(".test.ts"));
  if (!alone || failed.length === 0 || failed.length > SECOND_RUNS) return false;
  console.log(`\nSecond run, alone: ${failed.map((path) => relative(root, path)).join(", ")}`);
  const report = new TestReport(root);
  for (const [timeout, files] of byTimeout(failed)) {
    await runTestFiles(report, { files: [...files], concurrency: 1, timeout });
  }
  await report.finish();
  if (report.passed) {
    for (const path of failed)
      console.error(`Unreliable: ${relative(root, path)} failed, and passed at its second run`);
  }
  return report.passed;
}

async function findLeftovers(before: Snapshot): Promise<readonly string[]> {
  const deadline = Date.now() + SETTLE_MS;
  for (;;) {
    const differences = compareSnapshots(before, takeSnapshot());
    if (differences.length === 0 || Date.now() > deadline) return differences;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function needsKernel(path: string): boolean {
  return path.endsWith(".kernel.test.ts") || path.startsWith("tests/");
}

function findTests(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return []; // a folder that this slice does not have
  }
  return names.filter((name) => name.endsWith(".test.ts")).map((name) => relative(root, join(folder, name)));
}
