// SPDX-License-Identifier: Apache-2.0
// The wait off the main thread: it wakes, it costs nothing while idle, and it ends with the last watch.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { openSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../core/testing.ts";
import { watchFd } from "./epoll.ts";
import { Fd, leakedFds } from "./fd.ts";
import { c } from "./ffi.ts";
import "./testing.ts";

const EFD_NONBLOCK = 0o4000;

function eventfd(): Fd {
  return Fd.own(c.eventfd(0, EFD_NONBLOCK), "eventfd");
}

function signal(fd: Fd): void {
  c.write(fd.value, new Uint8Array(new BigUint64Array([1n]).buffer), 8);
}

function drain(fd: Fd): void {
  c.read(fd.value, new Uint8Array(8), 8);
}

test("watchFd() calls for each of several descriptors, again while one stays readable", async () => {
  using a = eventfd();
  using b = eventfd();
  const calls = { a: 0, b: 0 };
  using watchA = watchFd(a, () => {
    if (++calls.a === 3) drain(a);
  });
  using watchB = watchFd(b, () => {
    calls.b++;
    drain(b);
  });
  assert.ok(watchA !== watchB);
  signal(a);
  await eventually("three calls", () => calls.a === 3);
  await sleep(20);
  assert.deepEqual(calls, { a: 3, b: 0 });
  signal(b);
  await eventually("a call", () => calls.b === 1);
});

test("a paused watch is silent, and resumed sees what came meanwhile", async () => {
  using fd = eventfd();
  let calls = 0;
  using watch = watchFd(fd, () => {
    calls++;
    drain(fd);
  });
  watch.pause();
  signal(fd);
  await sleep(30);
  assert.equal(calls, 0);
  watch.resume();
  await eventually("a call", () => calls === 1);
});

test("a watch that ends inside its own call is not called again; the set goes with the last one", async () => {
  {
    using fd = eventfd();
    let calls = 0;
    const watch = watchFd(fd, () => {
      calls++;
      watch[Symbol.dispose]();
    });
    signal(fd);
    await eventually("a call", () => calls === 1);
    await sleep(20);
    assert.equal(calls, 1);
    watch[Symbol.dispose]();
  }
  await eventually("no descriptors", () => leakedFds().length === 0);
});

test("an idle watch burns no CPU", async () => {
  using fd = eventfd();
  using _watch = watchFd(fd, () => {});
  await sleep(20);
  const before = process.cpuUsage();
  await sleep(300);
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 150_000, `${user + system} µs in 300 ms`);
});

function run(script: string): { status: number | null; stderr: string; signal: string | null } {
  const args = [
    "--input-type=module",
    "--eval",
    `import { watchFd, Fd } from "./index.ts"; import { openSync } from "node:fs"; ${script}`,
  ];
  return spawnSync(process.execPath, args, { encoding: "utf8", cwd: import.meta.dirname, timeout: 60_000 });
}

test("a process ends by itself after the last watch, and at once by exit() or a throw in between", () => {
  const watched =
    'import { c } from "./ffi.ts"; const fd = Fd.own(c.eventfd(0, 0), "e"); const watch = watchFd(fd, () => {});';
  const ended = run(`${watched} setTimeout(() => { watch[Symbol.dispose](); fd.close(); }, 50);`);
  assert.deepEqual([ended.status, ended.signal], [0, null]);
  assert.equal(run(`${watched} setTimeout(() => process.exit(3), 50);`).status, 3);
  assert.match(run(`${watched} setTimeout(() => { throw new Error("bang"); }, 50);`).stderr, /bang/);
});

test("what cannot be watched is refused by name, and nothing stays", async () => {
  using file = Fd.own(openSync("/etc/passwd", "r"), "plain file");
  assert.throws(() => watchFd(file, () => {}), { code: "EPERM", message: /^Cannot watch plain file: EPERM/ });
  file.close();
  await eventually("no descriptors", () => leakedFds().length === 0);
});

test("a watch goes on when the caller closes its own descriptor first", async () => {
  const fd = eventfd();
  using other = fd.dup();
  let calls = 0;
  const watch = watchFd(fd, () => {
    calls++;
    drain(other);
  });
  fd.close();
  signal(other);
  await eventually("a call", () => calls === 1);
  watch[Symbol.dispose]();
  signal(other);
  await sleep(20);
  assert.equal(calls, 1);
});

for (const { name, code, status, leak } of [
  {
    name: "whose last watch has just ended leaves nothing open",
    code: "watch[Symbol.dispose]();",
    status: 0,
    leak: /^$/,
  },
  {
    name: "with a watch names that alone as left open",
    code: "",
    status: 1,
    leak: /^1 file descriptors were not closed:\nfd \d+ \(watched\)/,
  },
]) {
  test(`a process that exits at once ${name}`, () => {
    const files = ["epoll", "fd", "ffi"].map((file) => join(import.meta.dirname, `${file}.ts`));
    const program = `
      const [{ watchFd }, { Fd }, { c }] = await Promise.all(${JSON.stringify(files)}.map((file) => import(file)));
      const fd = Fd.own(c.eventfd(0, ${EFD_NONBLOCK}), "watched");
      const watch = watchFd(fd, () => {});
      fd.close();
      ${code}
      process.exit(0);`;
    const env = { ...process.env, CILIUM_TS_FD_LEAKS: "1" };
    const options = { env, encoding: "utf8", timeout: 60_000 } as const;
    const run = spawnSync(process.execPath, ["--input-type=module", "--eval", program], options);
    assert.equal(run.status, status, run.stderr);
    assert.match(run.stderr, leak);
  });
}
