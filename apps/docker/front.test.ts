// SPDX-License-Identifier: Apache-2.0
// The plug-in's door: calls outlive the program that answers them, and the door itself.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { eventually } from "../../src/core/testing.ts";

const front = join(import.meta.dirname, "../../build/bin/docker-front");
const program = join(import.meta.dirname, "front-program.ts");
const options = { skip: existsSync(front) ? false : `${front} is not there (tools/run.sh setup builds it)` };

class Door {
  readonly folder = mkdtempSync(join(tmpdir(), "front-"));
  readonly socket = join(this.folder, "engine.sock");
  process: ChildProcess;

  constructor(t: TestContext) {
    this.process = this.start();
    t.after(async () => {
      await this.end("SIGKILL");
      rmSync(this.folder, { recursive: true });
    });
  }

  start(...more: readonly string[]): ChildProcess {
    this.process = spawn(front, [process.execPath, program, this.folder, ...more], { stdio: "inherit" });
    return this.process;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, "exit");
    this.process.kill(signal);
    await ended;
  }

  async post(path: string, body: string): Promise<{ readonly body: string; readonly pid: number }> {
    const request = httpRequest({ socketPath: this.socket, path, method: "POST" });
    request.end(body);
    const [response] = (await once(request, "response")) as [IncomingMessage];
    assert.equal(response.statusCode, 200);
    return JSON.parse(await text(response)) as { body: string; pid: number };
  }

  async ready(): Promise<void> {
    await eventually("the door to open", () => existsSync(this.socket));
  }
}

test(
  "a call in whose middle the program is killed is answered by the next one, with all it was sent",
  options,
  async (t) => {
    const door = new Door(t);
    await door.ready();
    assert.equal(statSync(door.socket).mode & 0o777, 0o660);
    const [marker, held] = [join(door.folder, "marker"), join(door.folder, "held")];
    writeFileSync(held, "");
    const long = "x".repeat(500_000);
    const { pid } = await door.post("/", long);
    const slow = door.post("/slow", held);
    const killed = await door.post("/last", marker);
    assert.equal(killed.body, marker);
    assert.notEqual(killed.pid, pid);
    // What came while nobody was there waited.
    process.kill(killed.pid, "SIGKILL");
    const late = await door.post("/", long);
    assert.equal(late.body.length, long.length);
    assert.ok(![pid, killed.pid].includes(late.pid));
    rmSync(held);
    assert.deepEqual(await slow, { body: held, pid: late.pid });
  },
);

test("a killed door takes its program along, and calls go on behind the next one", options, async (t) => {
  const door = new Door(t);
  await door.ready();
  const held = join(door.folder, "held");
  writeFileSync(held, "");
  const { pid } = await door.post("/", "");
  const slow = door.post("/slow", held);
  // Both connections are taken in turn.
  await door.post("/", "");
  await door.end("SIGKILL");
  await eventually("the program to end", () => !existsSync(`/proc/${pid}`));
  door.start();
  rmSync(held);
  assert.notEqual((await slow).pid, pid);
});

test("told to stop, it lets calls end, and leaves no socket", options, async (t) => {
  const door = new Door(t);
  await door.ready();
  const held = join(door.folder, "held");
  writeFileSync(held, "");
  const slow = door.post("/slow", held);
  await door.post("/", "");
  const ended = door.end("SIGTERM");
  await eventually("the door to close", () => !existsSync(door.socket));
  rmSync(held);
  assert.equal((await slow).body, held);
  await ended;
  assert.equal(door.process.exitCode, 0);
});

test(
  "a program that cannot start ends it with its code, and so does a socket that somebody else has",
  options,
  async (t) => {
    const door = new Door(t);
    await door.ready();
    const first = door.process;
    const failed = door.start("7");
    assert.deepEqual(await once(failed, "exit"), [7, null]);
    const second = door.start();
    assert.deepEqual(await once(second, "exit"), [1, null]);
    door.process = first;
    assert.equal(first.exitCode, null);
  },
);
