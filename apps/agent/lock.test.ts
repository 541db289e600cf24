// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { createLock } from "./lock.ts";

const signal = new AbortController().signal;

function stateDir(t: TestContext): { directory: string; path: string } {
  const directory = mkdtempSync(join(tmpdir(), "lock-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return { directory, path: join(directory, "cilium.pid") };
}

/** As the lock file has it: pid and start time. */
function holder(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}\n`;
}

test("a second agent on a state folder is refused with the first one's pid, until that one stops", async (t) => {
  const { directory, path } = stateDir(t);
  const [first, second] = [createLock(directory), createLock(directory)];
  await first.start(signal);
  assert.equal(readFileSync(path, "utf8"), holder(process.pid));
  const message = new RegExp(`pid ${process.pid} runs on ".*" already \\(stop it, or set --state-dir\\)$`);
  await assert.rejects(second.start(signal), message);
  assert.deepEqual(readdirSync(directory), ["cilium.pid"]);
  await first.stop?.();
  assert.ok(!existsSync(path));
  await second.start(signal);
  await second.stop?.();
});

test("a state folder that is not there yet is made", async (t) => {
  const { directory } = stateDir(t);
  const lock = createLock(join(directory, "a", "b"));
  await lock.start(signal);
  await lock.stop?.();
  assert.deepEqual(readdirSync(join(directory, "a", "b")), []);
});

for (const [what, content] of [
  ["of a process that is gone", `${2 ** 22 + 1} 12345\n`],
  ["whose pid another process has now", `${process.ppid} 1\n`],
  ["without a start time", `${process.ppid}\n`],
  ["of an older form", "agent\n"],
  ["that is empty", ""],
] as const) {
  test(`a lock file ${what} is taken over`, async (t) => {
    const { directory, path } = stateDir(t);
    writeFileSync(path, content);
    const lock = createLock(directory);
    await lock.start(signal);
    assert.equal(readFileSync(path, "utf8"), holder(process.pid));
    assert.deepEqual(readdirSync(directory), ["cilium.pid"]);
    await lock.stop?.();
  });
}

test("a lock file of a living process is not taken over, nor removed", async (t) => {
  const { directory, path } = stateDir(t);
  writeFileSync(path, holder(process.ppid));
  const lock = createLock(directory);
  await assert.rejects(lock.start(signal), new RegExp(`pid ${process.ppid} runs on`));
  await lock.stop?.();
  assert.equal(readFileSync(path, "utf8"), holder(process.ppid));
});

test("a killed agent that nobody has reaped does not hold the lock", async (t) => {
  const { directory, path } = stateDir(t);
  // The shell becomes a sleep, which never waits for the child. It ends later: a shell that is still one might reap it.
  const parent = spawn("sh", ["-c", "sleep 0.3 & echo $!; exec sleep 60"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => parent.kill());
  const [line] = (await once(createInterface({ input: parent.stdout }), "line")) as [string];
  const pid = Number(line);
  for (let n = 0; n < 3000 && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")); n++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  writeFileSync(path, holder(pid));
  const lock = createLock(directory);
  await lock.start(signal);
  await lock.stop?.();
});
