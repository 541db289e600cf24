// SPDX-License-Identifier: Apache-2.0
// kvstore against a real etcd, found through the agent's configuration or by options.
import assert from "node:assert/strict";
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
