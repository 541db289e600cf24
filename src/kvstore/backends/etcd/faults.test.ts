// SPDX-License-Identifier: Apache-2.0
// What real etcds do to a session: freeze, die, let leases run out, ask for a password, hold huge values.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createLogger, systemClock } from "../../../core/index.ts";
import { eventually } from "../../../core/testing.ts";
import { listenTcp } from "../../../kernel/index.ts";
import { createAnnouncements } from "../../announcements.ts";
import { Mirror } from "../../kvstore.conformance.ts";
import { openKvstore } from "../../module.ts";
import { freePorts, impatientOptions, TestEtcd } from "../../testing.ts";
import { EtcdClient } from "./client.ts";
import { EtcdConnection } from "./connection.ts";
import { parseEtcdOptions } from "./options.ts";
import { connectionWith } from "./testing.ts";

test("a frozen etcd is noticed, operations end in time, and everything goes on when it thaws", async () => {
  await using etcd = await TestEtcd.start();
  await using kv = openKvstore(etcd.config());
  await using mirror = new Mirror(kv, "t/");
  await kv.put("t/a", "1");
  await eventually("the key", () => mirror.values.size === 1);
  etcd.freeze(true);
  const began = performance.now();
  await assert.rejects(kv.put("t/b", "1"), { code: "UNAVAILABLE" });
  assert.ok(performance.now() - began < 30_000, `put took ${performance.now() - began} ms`);
  await eventually("the status", () => kv.status().state === "Failure");
  assert.equal(mirror.values.get("t/a"), "1");
  etcd.freeze(false);
  await eventually("the answer", () => kv.status().state === "Ok");
  await kv.put("t/c", "1");
  await eventually("news", () => mirror.values.has("t/c"));
  assert.equal(mirror.values.get("t/a"), "1");
});

test("a killed etcd that comes back with its data keeps sessions' keys and revisions", async () => {
  await using etcd = await TestEtcd.start();
  await using kv = openKvstore(etcd.config());
  await using other = openKvstore(etcd.config());
  await using mirror = new Mirror(kv, "t/");
  await using announced = createAnnouncements(kv);
  announced.set("t/own", "1");
  await announced.settled();
  for (let round = 0; round < 3; round++) {
    await etcd.kill();
    await etcd.resume();
    await eventually("the other's session", () => other.status().connected);
    await other.put("t/round", `${round}`);
    await eventually("news", () => mirror.values.get("t/round") === `${round}`);
    assert.equal(mirror.values.get("t/own"), "1");
  }
  assert.ok(!mirror.log.includes("-t/own"));
});

test("a session whose keep-alive stops is withdrawn for the others when its lease ends, the others stay", async () => {
  await using etcd = await TestEtcd.start();
  await using living = openKvstore(etcd.config(1));
  await using mirror = new Mirror(living, "t/");
  await living.put("t/living", "1", { lease: true });
  const dying = openKvstore(etcd.config(1));
  await dying.put("t/dying", "1", { lease: true });
  await eventually("both", () => mirror.values.size === 2);
  // As a crash: the lease is neither renewed nor revoked.
  await dying.close();
  await eventually("the withdrawal", () => !mirror.values.has("t/dying"));
  await sleep(1200);
  assert.deepEqual([...mirror.values.keys()], ["t/living"]);
});

test("a dead endpoint is left for one that works", async () => {
  await using etcd = await TestEtcd.start();
  const address = `http://127.0.0.1:1,${etcd.url}`;
  await using kv = openKvstore({ kind: "etcd", options: { ...impatientOptions, "etcd.address": address } });
  await kv.connected(AbortSignal.timeout(60_000));
  await kv.put("t/a", "1");
  await using mirror = new Mirror(kv, "t/");
  await eventually("the key", () => mirror.values.get("t/a") === "1");
  assert.equal(kv.status().state, "Warning");
  assert.match(kv.status().message, /^etcd: 1\/2 connected, leases=0, has-quorum=true: .*\(Leader\)$/);
});

test("a connection that does not come about is begun anew by the next call, not left to the kernel's patience", async () => {
  // A listener that takes nobody: once its queue is full, the kernel lets connections hang, as if nobody were there.
  const [port = 0] = await freePorts(1);
  const listener = listenTcp(4, port);
  const queue: Socket[] = [];
  try {
    const waiting = () => queue.filter(({ connecting }) => !connecting).length;
    for (let before = -1; waiting() > before; await sleep(500)) {
      before = waiting();
      for (let n = 0; n < 100; n++) queue.push(connect(port, "127.0.0.1").on("error", () => {}));
    }
    for (const socket of queue) if (socket.connecting) socket.destroy();
    const options = { "etcd.address": `http://127.0.0.1:${port}`, ...impatientOptions, "etcd.operation": "500ms" };
    await using kv = openKvstore({ kind: "etcd", options, leaseTtl: 60 });
    await assert.rejects(kv.get("t/a"), { code: "UNAVAILABLE" });
    const tried = new Set<string>();
    await eventually("other connections than the first", () => {
      for (const from of hanging(port)) tried.add(from);
      return tried.size > 2;
    });
  } finally {
    for (const socket of queue) socket.destroy();
    listener.close();
  }
});

/** Ends here of IPv4 connections to a port that nobody has answered. */
function hanging(port: number): string[] {
  const lines = readFileSync("/proc/net/tcp", "utf8").split("\n").slice(1);
  const fields = lines.map((line) => line.trim().split(/\s+/));
  const to = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return fields.flatMap(([, from = "", remote = "", state]) => (state === "02" && remote.endsWith(to) ? [from] : []));
}

test("a user is authenticated, again when the token is no longer taken", async () => {
  await using etcd = await TestEtcd.start();
  await etcd.json("/v3/auth/user/add", { name: "root", password: "secret" });
  await etcd.json("/v3/auth/role/add", { name: "root" });
  await etcd.json("/v3/auth/user/grant", { user: "root", role: "root" });
  await etcd.json("/v3/auth/enable", {});
  await using kv = connectionWith({ endpoints: [etcd.url], username: "root", password: "secret" });
  await kv.put("t/a", "1", { lease: true });
  await using mirror = new Mirror(kv, "t/");
  await eventually("the key", () => mirror.values.get("t/a") === "1");
  // etcd's simple tokens do not survive a restart.
  await etcd.kill();
  await etcd.resume();
  await eventually("the session", async () => (await kv.get("t/a").catch(() => undefined))?.value === "1");
  await kv.put("t/b", "1");
  await eventually("news", () => mirror.values.has("t/b"));
  await using stranger = connectionWith({ endpoints: [etcd.url], username: "root", password: "wrong" });
  await assert.rejects(stranger.get("t/a"), /Cannot get "t\/a": .*authentication failed/);
});

test("huge values are listed in smaller pages and watched in pieces", async () => {
  await using etcd = await TestEtcd.start(["--max-request-bytes=20000000"]);
  const { options } = etcd.config();
  await using kv = openKvstore({ kind: "etcd", options: { ...options, "etcd.operation": "10s" } });
  await using mirror = new Mirror(kv, "t/");
  const huge = "x".repeat(6_000_000);
  for (let n = 0; n < 4; n++) await kv.put(`t/${n}`, huge);
  await eventually("all of them", () => mirror.values.size === 4, 10_000);
  assert.equal((await kv.list("t/")).items.length, 4);
});

test("TLS: a certificate that the client file trusts is taken, others are not", async () => {
  await using etcd = await TestEtcd.start(["--auto-tls"]);
  await using kv = connectionWith({ endpoints: [etcd.url], "trusted-ca-file": etcd.certificate });
  await kv.put("t/a", "1");
  await using mirror = new Mirror(kv, "t/");
  await eventually("the key", () => mirror.values.get("t/a") === "1");
  await using careless = connectionWith({ endpoints: [etcd.url], "insecure-skip-tls-verify": true });
  assert.equal((await careless.get("t/a"))?.value, "1");
  await using careful = connectionWith({ endpoints: [etcd.url] });
  await assert.rejects(careful.get("t/a"), /self-signed certificate/);
});

test("calls leave no listeners behind", async () => {
  await using etcd = await TestEtcd.start();
  const { options } = etcd.config();
  const client = new EtcdClient(parseEtcdOptions(options), systemClock, createLogger("kvstore"));
  const connection = new EtcdConnection(client);
  const lease = await connection.leaseGrant(60);
  const before = getEventListeners(client.closing, "abort").length;
  for (let n = 0; n < 20; n++) {
    await connection.get("t/a");
    assert.equal(await connection.leaseKeepAlive(lease), true);
    const stop = new AbortController();
    const watching = connection.watch("t/", { fromRevision: undefined, signal: stop.signal }).next();
    stop.abort();
    assert.equal((await watching).done, true);
  }
  assert.ok(getEventListeners(client.closing, "abort").length <= before + 1);
  await connection.close();
});

test("bytes that are no text do not break a list or a watch", async () => {
  await using etcd = await TestEtcd.start();
  await using kv = openKvstore(etcd.config());
  await using mirror = new Mirror(kv, "t/");
  await eventually("the list", () => mirror.deliveries.length === 1);
  const bytes = Buffer.from([0x74, 0x2f, 0xff, 0xfe]).toString("base64");
  await etcd.json("/v3/kv/put", { key: bytes, value: bytes });
  await kv.put("t/good", "1");
  await eventually("both", () => mirror.values.size === 2);
  assert.equal(mirror.values.get("t/good"), "1");
  assert.equal((await kv.list("t/")).items.length, 2);
});
