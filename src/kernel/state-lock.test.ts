// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createStateLock } from "./state-lock.ts";

const what = "start cilium-agent";
const own = `${process.pid}\n`;

function stateDir(t: TestContext): { directory: string; path: string } {
  const directory = mkdtempSync(join(tmpdir(), "lock-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return { directory, path: join(directory, "cilium.pid") };
}

/** A process that holds the lock until it is killed; it leaves its pid in the file. */
async function holder(directory: string) {
  const script = `
    import { createStateLock } from ${JSON.stringify(join(import.meta.dirname, "state-lock.ts"))};
    createStateLock(${JSON.stringify(directory)}, "hold").take();
    console.log("held");
    setInterval(() => {}, 60_000);`;
  const args = ["--input-type=module-typescript", "-e", script];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
}

test("a second process on a state folder is refused with the first one's pid, until that one stops", (t) => {
  const { directory, path } = stateDir(t);
  const [first, second] = [createStateLock(directory, what), createStateLock(directory, what)];
  first.take();
  assert.equal(readFileSync(path, "utf8"), own);
  const message = `Cannot start cilium-agent: pid ${process.pid} runs on "${directory}" already (stop it, or set --state-dir)`;
  assert.throws(() => second.take(), { message });
  second.release();
  assert.equal(readFileSync(path, "utf8"), own);
  first.release();
  assert.ok(!existsSync(path));
  second.take();
  second.release();
  assert.deepEqual(readdirSync(directory), []);
});

test("a state folder that is not there yet is made", (t) => {
  const { directory } = stateDir(t);
  const lock = createStateLock(join(directory, "a", "b"), what);
  lock.take();
  lock.release();
  assert.deepEqual(readdirSync(join(directory, "a", "b")), []);
});

for (const [of, content] of [
  ["of a process that is gone", `${2 ** 22 + 1}\n`],
  ["whose pid another process has now", `${process.ppid}\n`],
  ["of another form", "agent of long ago 12345\n"],
  ["that is empty", ""],
] as const) {
  test(`a lock file ${of} is taken over`, (t) => {
    const { directory, path } = stateDir(t);
    writeFileSync(path, content);
    const lock = createStateLock(directory, what);
    lock.take();
    assert.equal(readFileSync(path, "utf8"), own);
    assert.deepEqual(readdirSync(directory), ["cilium.pid"]);
    lock.release();
  });
}

test("another process holds it until it ends, however that is", async (t) => {
  const { directory, path } = stateDir(t);
  const child = await holder(directory);
  const lock = createStateLock(directory, what);
  assert.throws(() => lock.take(), new RegExp(`pid ${child.pid} runs on`));
  assert.equal(readFileSync(path, "utf8"), `${child.pid}\n`);
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  lock.take();
  assert.equal(readFileSync(path, "utf8"), own);
  lock.release();
});

test("a file that somebody removed is not given back in the place of another's", (t) => {
  const { directory, path } = stateDir(t);
  const [first, second] = [createStateLock(directory, what), createStateLock(directory, what)];
  first.take();
  rmSync(path);
  second.take();
  first.release();
  assert.equal(readFileSync(path, "utf8"), own);
  second.release();
});

test("a state folder that cannot be made or written is told by its name", (t) => {
  const { path } = stateDir(t);
  writeFileSync(path, "");
  const told = /^CiliumError: Cannot start cilium-agent: state folder ".*": E[A-Z]+ \(a folder that can be written/;
  for (const folder of [path, join(path, "x"), "/proc/self"]) {
    assert.throws(() => createStateLock(folder, what).take(), told);
  }
});
