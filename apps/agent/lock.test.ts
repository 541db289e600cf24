// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createLock } from "./lock.ts";

const folder = mkdtempSync(join(tmpdir(), "agent-lock-"));
const { signal } = new AbortController();
after(() => rmSync(folder, { recursive: true }));

const holder = (pid: number): string => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}\n`;
};

test("the lock refuses while its holder runs, and is free after stop", async () => {
  const first = createLock(folder);
  await first.start(signal);
  await assert.rejects(async () => await createLock(folder).start(signal), new RegExp(`pid ${process.pid} runs on`));
  await first.stop?.();
  const second = createLock(folder);
  await second.start(signal);
  await second.stop?.();
});

test("a killed holder that its parent has not reaped yet does not keep the lock", async () => {
  // The shell becomes a program that never reaps its child.
  const parent = spawn("sh", ["-c", "sleep 0.1 & echo $!; exec sleep 10"], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    const pid = Number(await new Promise((resolve) => parent.stdout.once("data", resolve)));
    writeFileSync(join(folder, "cilium.pid"), holder(pid));
    const isZombie = () => readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
    for (let i = 0; i < 200 && !isZombie(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.ok(isZombie());
    const lock = createLock(folder);
    await lock.start(signal);
    await lock.stop?.();
  } finally {
    parent.kill("SIGKILL");
  }
});
