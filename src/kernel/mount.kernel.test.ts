// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { addToCgroup, cgroupIdOf, cgroupRoot, createCgroup, removeCgroup } from "./cgroup.ts";
import { ktimeNs } from "./ktime.ts";
import { bindMount, isMounted, mountBpffs, unmount } from "./mount.ts";
import { randomName } from "./testing.ts";

test("mountBpffs() mounts once, unmount() takes all away", () => {
  const directory = mkdtempSync(join(tmpdir(), "kernel-mount-"));
  try {
    const path = join(directory, "bpf with space");
    mountBpffs(path);
    mountBpffs(path);
    assert.equal(isMounted(path, "bpf"), true);
    assert.equal(isMounted(path, "nsfs"), false);
    assert.equal(isMounted(directory), false);
    unmount(path);
    assert.equal(isMounted(path), false);
    unmount(path);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("bindMount() shows a directory at another place", () => {
  const directory = mkdtempSync(join(tmpdir(), "kernel-mount-"));
  const [from, to] = [join(directory, "from"), join(directory, "to")];
  mkdirSync(from);
  mkdirSync(to);
  writeFileSync(join(from, "file"), "seen");
  bindMount(from, to);
  try {
    assert.equal(readFileSync(join(to, "file"), "utf8"), "seen");
    assert.throws(() => bindMount(join(directory, "none"), to), { code: "ENOENT", message: /Cannot bind/ });
  } finally {
    unmount(to);
    rmSync(directory, { recursive: true });
  }
});

test("a cgroup takes a process and is removed with the groups below", async () => {
  const path = join(cgroupRoot(), `kt-${randomName()}`);
  createCgroup(join(path, "inner"));
  const child = spawn("sleep", ["10"]);
  try {
    addToCgroup(join(path, "inner"), child.pid ?? 0);
    assert.match(
      readFileSync(`/proc/${child.pid}/cgroup`, "utf8"),
      new RegExp(`^0::.*/${path.split("/").at(-1)}/inner$`, "m"),
    );
    assert.throws(() => removeCgroup(path), { code: "EBUSY" });
    assert.ok(cgroupIdOf(path) > 0n);
  } finally {
    child.kill();
    await new Promise((resolve) => child.once("exit", resolve));
    removeCgroup(path);
  }
  assert.equal(existsSync(path), false);
  removeCgroup(path);
});

test("ktimeNs() is the monotonic clock", () => {
  const before = process.hrtime.bigint();
  const now = ktimeNs();
  assert.ok(now >= before && now <= process.hrtime.bigint());
});
