// SPDX-License-Identifier: Apache-2.0
// kvstore against a real etcd, found through the agent's configuration or by options.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { createMemoryAgent } from "../../src/api/testing.ts";
import { configureLogging } from "../../src/core/index.ts";
import { TestEtcd } from "../../src/kvstore/testing.ts";
import { startCli } from "./harness.ts";

configureLogging({ level: "silent" });

test("kvstore set, get and delete", async (t) => {
  await using etcd = await TestEtcd.start();
  const agent = createMemoryAgent();
  const config = await agent.api.getConfig();
  const kvstoreConfiguration = { type: "etcd", options: { "etcd.address": etcd.url } };
  const getConfig = () => ({ ...config, status: { ...config.status, kvstoreConfiguration } });
  const { run } = await startCli(t, { ...agent.api, getConfig });
  const options = ["--kvstore", "etcd", "--kvstore-opt", `etcd.address=${etcd.url}`];
  const silent = { code: 0, stdout: "", stderr: "" };
  assert.deepEqual(await run(["kvstore", "set", "--key", "cilium/a/1", "--value", "one"]), silent);
  assert.deepEqual(await run(["kvstore", "set", "--key", "cilium/a/2", "--value", "two\nlines", ...options]), silent);
  assert.equal((await run(["kvstore", "get", "cilium/a/1", ...options])).stdout, "cilium/a/1 => one\n");
  assert.equal(
    (await run(["kvstore", "get", "--recursive", "cilium/a/"])).stdout,
    "cilium/a/1 => one\ncilium/a/2 => two\\nlines\n",
  );
  const json = JSON.parse((await run(["kvstore", "get", "cilium/a/", "--recursive", "-o", "json"])).stdout);
  assert.equal(json["cilium/a/1"].Data, Buffer.from("one").toString("base64"));
  assert.ok(json["cilium/a/2"].ModRevision > json["cilium/a/1"].ModRevision);
  assert.deepEqual(await run(["kvstore", "delete", "cilium/a/1"]), silent);
  assert.deepEqual(await run(["kvstore", "get", "cilium/a/1"]), {
    code: 1,
    stdout: "",
    stderr: "Error: key cilium/a/1 is not found\n",
  });
  assert.deepEqual(await run(["kvstore", "delete", "--recursive", "cilium/"]), silent);
  assert.deepEqual(await run(["kvstore", "get", "--recursive", "cilium/"]), silent);
});

test("kvstore without a store says so", async (t) => {
  const { run } = await startCli(t, createMemoryAgent().api);
  assert.match((await run(["kvstore", "get", "a"])).stderr, /^Error: Cannot reach the key-value store: the agent has/);
});

test("kvstore tries until it is told to stop, where nobody answers", async (t) => {
  const again = Promise.withResolvers<void>();
  let tries = 0;
  const server = createServer((socket) => {
    socket.destroy();
    if (++tries > 1) again.resolve();
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const args = ["kvstore", "get", "a", "--kvstore", "etcd", "--kvstore-opt", `etcd.address=${url}`];
  const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts"), ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const stderr = text(child.stderr);
  const ended = once(child, "close");
  await Promise.race([again.promise, ended]);
  child.kill("SIGTERM");
  const [code] = (await ended) as [number | null];
  assert.match(await stderr, /^Error: Cannot reach the key-value store: etcd: 0\/1 connected[^\n]*\n$/);
  assert.equal(code, 1);
});
