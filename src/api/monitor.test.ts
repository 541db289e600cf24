// SPDX-License-Identifier: Apache-2.0
// The monitor socket from end to end.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { AgentUnreachableError } from "./errors.ts";
import { GobError } from "./gob/error.ts";
import { readMonitor } from "./monitor-client.ts";
import { createMonitorServer, type MonitorServer } from "./monitor-server.ts";
import { createMemoryAgent, type MemoryAgent } from "./testing.ts";

async function serve(t: TestContext): Promise<{ agent: MemoryAgent; server: MonitorServer; socketPath: string }> {
  const directory = mkdtempSync(join(tmpdir(), "monitor-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const socketPath = join(directory, "monitor1_2.sock");
  const agent = createMemoryAgent();
  const server = createMonitorServer({ api: agent.api, socketPath });
  await server.start();
  t.after(() => server.stop());
  return { agent, server, socketPath };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 15_000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.ok(condition(), "condition not met within 30 s");
}

const event = (n: number) => ({ data: Uint8Array.of(4, n), cpu: 1, lost: 0, type: 9 });

test("every listener gets every event from its connection on", async (t) => {
  const { agent, server, socketPath } = await serve(t);
  agent.emit(event(0));
  const stop = new AbortController();
  const read = async (): Promise<number[]> => {
    const numbers: number[] = [];
    for await (const records of readMonitor(socketPath, stop.signal)) {
      numbers.push(...records.map((record) => record.data[1] ?? -1));
      if (numbers.length === 3) return numbers;
    }
    return numbers;
  };
  const readers = [read(), read()];
  await until(() => server.listeners === 2);
  for (const n of [1, 2, 3]) agent.emit(event(n));
  assert.deepEqual(await Promise.all(readers), [
    [1, 2, 3],
    [1, 2, 3],
  ]);
  await until(() => server.listeners === 0);
  stop.abort();
});

test("a listener that does not read loses events, is told how many, and holds nobody up", async (t) => {
  const { agent, server, socketPath } = await serve(t);
  const slow = createConnection(socketPath).pause();
  await until(() => server.listeners === 1);
  const data = new Uint8Array(100_000);
  for (let i = 0; i < 100; i++) agent.emit({ data, cpu: 0, lost: 0, type: 9 });
  slow.destroy();
  await until(() => server.listeners === 0);

  const stop = new AbortController();
  let received = 0;
  let lost = 0;
  const reading = (async () => {
    for await (const records of readMonitor(socketPath, stop.signal)) {
      received += records.filter((record) => record.type === 9).length;
      lost += records.reduce((sum, record) => sum + record.lost, 0);
      if (received + lost === 101) return;
    }
  })();
  await until(() => server.listeners === 1);
  for (let i = 0; i < 100; i++) agent.emit({ data, cpu: 0, lost: 0, type: 9 });
  await until(() => received > 0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  agent.emit(event(1));
  await reading;
  assert.ok(lost > 0, "4 MiB of backlog cannot hold 10 MB");
  assert.equal(received + lost, 101);
});

test("readMonitor() says when nobody answers and when the stream is something else", async (t) => {
  const { socketPath } = await serve(t);
  await assert.rejects(readMonitor(`${socketPath}.none`).next(), AgentUnreachableError);
  const { createServer } = await import("node:net");
  const noise = createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n")).listen(`${socketPath}.noise`);
  t.after(() => noise.close());
  await assert.rejects(Array.fromAsync(readMonitor(`${socketPath}.noise`)), GobError);
});

test("events lost in the kernel count as many when a slow listener loses their record, too", async (t) => {
  const { agent, server, socketPath } = await serve(t);
  const stop = new AbortController();
  let received = 0;
  let lost = 0;
  const reading = (async () => {
    for await (const records of readMonitor(socketPath, stop.signal)) {
      received += records.filter((record) => record.type === 9).length;
      lost += records.reduce((sum, record) => sum + record.lost, 0);
      if (received + lost === 100 + 1000) return;
    }
  })();
  await until(() => server.listeners === 1);
  const data = new Uint8Array(100_000);
  for (let i = 0; i < 100; i++) agent.emit({ data, cpu: 0, lost: 0, type: 9 });
  // Behind 10 MB there is no room; nothing follows, and still it is told.
  agent.emit({ data: new Uint8Array(0), cpu: 0, lost: 1000, type: 2 });
  await reading;
  assert.ok(lost > 1000);
});
