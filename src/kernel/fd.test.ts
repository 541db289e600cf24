// SPDX-License-Identifier: Apache-2.0
// Ownership of descriptors, and that a leaked one fails the process with the stack that made it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fstatSync, openSync } from "node:fs";
import { test } from "node:test";
import { assertNoLeakedFds, Fd, leakedFds } from "./fd.ts";
import "./testing.ts";

function openNull(): Fd {
  return Fd.own(openSync("/dev/null", "r"), "null");
}

test("close() closes once and the number is no longer given out", () => {
  const fd = openNull();
  const value = fd.value;
  fd.close();
  fd.close();
  assert.equal(fd.closed, true);
  assert.throws(() => fd.value, /Cannot use null: it is closed/);
  assert.throws(() => fstatSync(value), { code: "EBADF" });
});

test("dup() has an owner of its own, disown() gives the number away", () => {
  using fd = openNull();
  const copy = fd.dup();
  assert.notEqual(copy.value, fd.value);
  const value = copy.disown();
  copy.close();
  assert.equal(fstatSync(value).isCharacterDevice(), true);
  Fd.own(value, "taken back").close();
});

test("assertNoLeakedFds() names what is open and the stack that made it", () => {
  const fd = openNull();
  assert.equal(leakedFds().length, 1);
  assert.throws(assertNoLeakedFds, /1 file descriptors were not closed:\nfd \d+ \(null\) made\n[\s\S]*openNull/);
  fd.close();
  assertNoLeakedFds();
});

function runScript(script: string): { status: number | null; stderr: string } {
  const env = { ...process.env, CILIUM_TS_FD_LEAKS: "1" };
  const args = ["--expose-gc", "--input-type=module", "--eval", script];
  return spawnSync(process.execPath, args, { env, encoding: "utf8", cwd: import.meta.dirname });
}

test("a process with a leaked descriptor fails at its end", () => {
  const made =
    'import { Fd } from "./fd.ts"; import { openSync } from "node:fs"; const fd = Fd.own(openSync("/dev/null"), "lost");';
  const leaking = runScript(`${made} function keep() { return fd; } globalThis.keep = keep;`);
  assert.equal(leaking.status, 1);
  assert.match(leaking.stderr, /\(lost\) made/);
  const clean = runScript(`${made} fd.close();`);
  assert.deepEqual([clean.status, clean.stderr], [0, ""]);
});

test("a descriptor that the garbage collector finds open is a leak too", () => {
  const collected = runScript(`
    import { Fd } from "./fd.ts";
    import { openSync } from "node:fs";
    (() => { Fd.own(openSync("/dev/null"), "lost"); })();
    for (let i = 0; i < 5; i++) { await new Promise((resolve) => setTimeout(resolve, 5)); gc(); }
  `);
  assert.equal(collected.status, 1);
  assert.match(collected.stderr, /\(lost\) made/);
});
