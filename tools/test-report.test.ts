// SPDX-License-Identifier: Apache-2.0
// Several runs in one report: totals add up, failures and skips are seen. The files run are made for it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

type Files = Readonly<Record<string, string>>;

/** Runs groups of files (name to text) as one report, each for a minute at most; exit code 0 means passed. */
function report(...groups: readonly Files[]): { code: number | null; output: string } {
  return reportWithin(60_000, ...groups);
}

function reportWithin(timeout: number, ...groups: readonly Files[]): { code: number | null; output: string } {
  const script = `
    const { TestReport, runTestFiles } = await import(REPORT);
    const report = new TestReport(FOLDER);
    for (const names of ${JSON.stringify(groups.map((group) => Object.keys(group)))}) {
      const files = names.map((name) => FOLDER + "/" + name);
      await runTestFiles(report, { files, concurrency: 2, timeout: ${timeout} });
    }
    report.finish();
    process.exitCode = report.passed ? 0 : 1;`;
  return runScript(script, Object.assign({}, ...groups));
}

/** Runs a module beside test files; it finds their FOLDER, and the REPORT to import. */
function runScript(script: string, files: Files): { code: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), "test-report-"));
  try {
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(folder, name), `import { test } from "node:test";\n${text}\n`);
    }
    const known = { FOLDER: folder, REPORT: join(import.meta.dirname, "test-report.ts") };
    const constants = Object.entries(known).map(([name, value]) => `const ${name} = ${JSON.stringify(value)};\n`);
    writeFileSync(join(folder, "run.mjs"), `${constants.join("")}${script}`);
    // Without the variables of the run that this test is part of, which would make it a child of that.
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, "run.mjs")], {
      encoding: "utf8",
      env: { ...env, NO_COLOR: "1" },
    });
    return { code: status, output: stdout + stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const good = 'test("good", () => {});';

test("two runs at the same time are shown one after the other, with both their totals", () => {
  const nested = (name: string) =>
    `for (const n of [1, 2]) test("${name}" + n, (t) => t.test("inner", () => new Promise((done) => setTimeout(done, 50))));`;
  const script = `
    const { collectTestFiles, runTestFiles, TestReport } = await import(REPORT);
    const report = new TestReport(FOLDER);
    const [events] = await Promise.all([
      collectTestFiles({ files: [FOLDER + "/a.test.mjs"] }),
      runTestFiles(report, { files: [FOLDER + "/b.test.mjs"] }),
    ]);
    for (const event of events) report.add(event);
    await report.finish();
    process.exitCode = report.passed ? 0 : 1;`;
  const { code, output } = runScript(script, { "a.test.mjs": nested("a"), "b.test.mjs": nested("b") });
  assert.equal(code, 0, output);
  assert.deepEqual(output.match(/[ab][12](?= \()/g), ["b1", "b2", "a1", "a2"]);
  assert.match(output, /tests 8\n/);
});

test("totals of several runs add up and end the output", () => {
  const { code, output } = report({ "a.test.mjs": good, "b.test.mjs": good }, { "c.test.mjs": good });
  assert.equal(code, 0, output);
  assert.match(
    output,
    /tests 3\n.*suites 0\n.*pass 3\n.*fail 0\n.*cancelled 0\n.*skipped 0\n.*todo 0\n.*duration_ms [\d.]+\n$/,
  );
  assert.equal(output.match(/ tests \d/g)?.length, 1);
});

test("a failure in the first of two runs fails the whole", () => {
  const bad = 'test("bad", () => { throw new Error("broken on purpose"); });';
  const { code, output } = report({ "a.test.mjs": bad }, { "b.test.mjs": good });
  assert.equal(code, 1);
  assert.match(output, /broken on purpose/);
  assert.match(output, /pass 1\n.*fail 1\n/);
});

test("a file that does not load, exits early or never ends its test fails", () => {
  assert.equal(report({ "a.test.mjs": 'import "./missing.mjs";' }).code, 1);
  assert.equal(report({ "a.test.mjs": "process.exit(3);" }).code, 1);
  assert.equal(reportWithin(3000, { "a.test.mjs": 'test("hangs", () => new Promise(() => {}));' }).code, 1);
});

test("skips are listed with their reasons", () => {
  const { code, output } = report({
    "a.test.mjs": `${good} test("old", { skip: "kernel 5.9 has no such map" }, () => {});`,
  });
  assert.equal(code, 0);
  assert.match(output, /skipped: a\.test\.mjs: old: kernel 5\.9 has no such map/);
  assert.match(output, /skipped 1\n/);
});
