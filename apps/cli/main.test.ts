// SPDX-License-Identifier: Apache-2.0
// The program itself: what it does when its output cannot be written.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";

const main = join(import.meta.dirname, "main.ts");

test("output that cannot be written is told of, a reader that went away is not", async () => {
  const full = openSync("/dev/full", "w");
  try {
    const program = spawn(process.execPath, [main, "--help"], { stdio: ["ignore", full, "pipe"] });
    const ended = once(program, "close");
    assert.ok(program.stderr);
    assert.equal(await text(program.stderr), "Error: Cannot write the output: ENOSPC\n");
    assert.deepEqual(await ended, [1, null]);
  } finally {
    closeSync(full);
  }
  const { stdout, stderr } = spawn("bash", [
    "-c",
    'set -o pipefail; "$@" --help | true; echo $?',
    "-",
    process.execPath,
    main,
  ]);
  assert.deepEqual([await text(stdout), await text(stderr)], ["0\n", ""]);
});
