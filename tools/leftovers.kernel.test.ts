// SPDX-License-Identifier: Apache-2.0
// The search for leftovers finds each kind of thing, on the real machine.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { compareSnapshots, RUN_MARK, takeSnapshot } from "./leftovers.ts";

function run(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${stderr}`);
}

test("namespaces, links, routes and mounts that came are named, and gone when they are removed", () => {
  const name = `lo-${process.pid}`;
  const folder = mkdtempSync(join(tmpdir(), "leftovers-"));
  const before = takeSnapshot();
  const mine = () =>
    compareSnapshots(before, takeSnapshot()).filter((line) => line.includes(name) || line.includes(folder));
  try {
    run("ip", "netns", "add", name);
    run("ip", "link", "add", name, "type", "veth", "peer", "name", `${name}p`);
    run("ip", "addr", "add", "192.0.2.77/30", "dev", name);
    run("ip", "link", "set", name, "up");
    run("mount", "-t", "bpf", "bpf", folder);
    run("mkdir", join(folder, "pin"));
    const found = mine().join("\n");
    assert.match(found, new RegExp(`^network namespace ${name}$`, "m"));
    assert.match(found, new RegExp(`^link ${name}$`, "m"));
    assert.match(found, new RegExp(`^route IPv4 .* on ${name}$`, "m"));
    assert.match(found, new RegExp(`^mount ${folder} \\(bpf\\)$`, "m"));
    assert.match(found, new RegExp(`^BPF pin ${folder}/pin$`, "m"));
  } finally {
    spawnSync("umount", [folder]);
    spawnSync("ip", ["link", "del", name]);
    spawnSync("ip", ["netns", "del", name]);
    rmdirSync(folder);
  }
  assert.deepEqual(mine(), []);
});

test("a process that outlives its parent is found by the mark of the run", async () => {
  const earlier = process.env[RUN_MARK];
  process.env[RUN_MARK] = `leftovers-test-${process.pid}`;
  try {
    const before = takeSnapshot();
    // The shell exits at once; its child is taken over by init and has no parent of ours.
    const { stdout } = spawnSync("sh", ["-c", "sleep 30 >/dev/null 2>&1 & echo $!"], { encoding: "utf8" });
    const pid = Number(stdout.trim());
    try {
      assert.deepEqual(compareSnapshots(before, takeSnapshot()), [`process ${pid} (sleep 30)`]);
    } finally {
      process.kill(pid, "SIGKILL");
    }
  } finally {
    if (earlier === undefined) delete process.env[RUN_MARK];
    else process.env[RUN_MARK] = earlier;
  }
});

test("a link that was there before and is gone is told", () => {
  const before = new Map([["link", new Set(["eth9", "lo"])]]);
  const after = new Map([["link", new Set(["lo"])]]);
  assert.deepEqual(compareSnapshots(before, after), ["link eth9 is gone"]);
});
