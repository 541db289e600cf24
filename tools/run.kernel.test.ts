// SPDX-License-Identifier: Apache-2.0
// Set-up on a machine that lacks something: one line that names it. The checkout is a small copy; programs that tell
// about the machine are replaced in PATH where the machine itself cannot be changed.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const root = join(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "run-sh-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A checkout with nothing but what set-up reads first. */
function checkout(): string {
  const copy = mkdtempSync(join(folder, "checkout-"));
  for (const file of ["package.json", "package-lock.json", ".npmrc", "tools/run.sh"]) {
    cpSync(join(root, file), join(copy, file));
  }
  chmodSync(folder, 0o755);
  chmodSync(copy, 0o755);
  return copy;
}

interface Options {
  /** Command and arguments to run it under. */
  readonly under?: readonly string[];
  /** Shell scripts that stand before the machine's programs in PATH. */
  readonly programs?: Readonly<Record<string, string>>;
}

/** Runs tools/run.sh in a copy; the error line, or the whole output when there is none. */
function runSetUp(task: string, { under = [], programs = {} }: Options): { code: number | null; errors: string[] } {
  const copy = checkout();
  mkdirSync(join(copy, "stubs"));
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(copy, "stubs", name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const [program = "", ...args] = [...under, join(copy, "tools/run.sh"), task];
  const { status, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    env: {
      ...process.env,
      PATH: `${join(copy, "stubs")}:${process.env["PATH"]}`,
      npm_config_cache: join(copy, "cache"),
      npm_config_fetch_retries: "0",
    },
  });
  return { code: status, errors: stderr.split("\n").filter((line) => line !== "" && !line.startsWith("Set-up:")) };
}

function expectLine(result: { code: number | null; errors: string[] }, line: RegExp): void {
  assert.equal(result.code, 1);
  assert.equal(result.errors.length, 1, result.errors.join("\n"));
  assert.match(result.errors[0] ?? "", line);
}

test("not root", () => {
  const under = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
  expectLine(runSetUp("demo", { under }), /^Error: Cannot run "demo": not root \(run it with sudo, or as root\)$/);
});

test("an old kernel", () => {
  const programs = { uname: "echo 5.4.0-150-generic" };
  expectLine(
    runSetUp("test", { programs }),
    /^Error: Cannot run on kernel 5\.4\.0-150-generic: 5\.10 or newer is needed/,
  );
});

test("a kernel without an option", (t) => {
  if (!existsSync("/proc/config.gz")) return t.skip("this kernel has no /proc/config.gz");
  const programs = { zcat: "/bin/zcat /proc/config.gz | grep -v '^CONFIG_VXLAN='" };
  expectLine(
    runSetUp("demo", { programs }),
    /CONFIG_VXLAN is missing in \/proc\/config\.gz \(boot a kernel that has it\)$/,
  );
});

test("no network for npm", () => {
  const result = runSetUp("setup", { under: ["unshare", "-n"] });
  expectLine(result, /^Error: Cannot install npm packages: npm error .*registry.*\(check the network/);
});

test("an unknown task is a usage error", () => {
  const { status, stderr } = spawnSync(join(root, "tools/run.sh"), ["dance"], { encoding: "utf8" });
  assert.equal(status, 2);
  assert.match(stderr, /^Usage: .*demo\|test\|test-vm\|test-runtimes\|check\|bench\|setup/);
});

test("launchers start from any directory and through symlinks, and say when set-up has not run", () => {
  const copy = checkout();
  cpSync(join(root, "bin"), join(copy, "bin"), { recursive: true });
  for (const name of ["cilium", "cilium-dbg", "cilium-health", "cilium-agent", "cilium-cni", "cilium-docker"]) {
    const link = join(copy, `link-to-${name}`);
    symlinkSync(join(copy, "bin", name), link);
    const { status, stderr } = spawnSync(link, [], { encoding: "utf8", cwd: "/" });
    assert.equal(status, 1);
    assert.equal(
      stderr,
      `Error: Cannot start ${name}: set-up has not run (run "npm run demo" or "tools/run.sh setup" in ${copy})\n`,
    );
  }
});
