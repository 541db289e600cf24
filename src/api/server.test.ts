// SPDX-License-Identifier: Apache-2.0
// The REST server over a real socket: answers, refusals, limits, hostile clients.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { configureLogging } from "../core/index.ts";
import { eventually } from "../core/testing.ts";
import { AgentClient } from "./client.ts";
import { AgentUnreachableError, ApiError } from "./errors.ts";
import { unlimited } from "./rate-limits.ts";
import { type ApiServerOptions, createApiServer } from "./server.ts";
import { createMemoryAgent, type MemoryAgent } from "./testing.ts";
import { call } from "./transport.ts";

configureLogging({ level: "silent" });

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "api-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return join(directory, "cilium.sock");
}

async function serve(
  t: TestContext,
  agent: MemoryAgent = createMemoryAgent(),
  options: Partial<ApiServerOptions> = {},
): Promise<{ client: AgentClient; socketPath: string }> {
  const socketPath = temporary(t);
  const server = createApiServer({ api: agent.api, socketPath, ...options });
  await server.start();
  t.after(() => server.stop());
  return { client: new AgentClient({ socketPath, timeout: 60_000 }), socketPath };
}

/** Sends raw bytes and gives everything that came back. */
function raw(socketPath: string, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection(socketPath, () => socket.write(bytes));
    let answer = "";
    socket.setTimeout(3000, () => socket.destroy());
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(answer));
  });
}

const status = (wanted: number, text?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.status, wanted);
  if (text !== undefined) assert.match(error.message, text);
  return true;
};

test("createApiServer() makes the socket with mode 0660 and removes it on stop", async (t) => {
  const socketPath = temporary(t);
  const server = createApiServer({ api: createMemoryAgent().api, socketPath });
  await server.start();
  assert.equal(statSync(socketPath).mode & 0o777, 0o660);
  await server.stop();
  assert.equal(statSync(socketPath, { throwIfNoEntry: false }), undefined);
});

test("createApiServer() replaces a stale socket, but neither a living one nor a file", async (t) => {
  const { socketPath } = await serve(t);
  const second = createApiServer({ api: createMemoryAgent().api, socketPath });
  await assert.rejects(
    second.start(),
    /Cannot listen on ".*cilium\.sock": EADDRINUSE \(another program answers there\)/,
  );

  const stale = join(socketPath, "..", "stale.sock");
  const other = createServer().listen(stale);
  await new Promise((resolve) => other.once("listening", resolve));
  const link = join(socketPath, "..", "kept.sock");
  const { linkSync } = await import("node:fs");
  linkSync(stale, link);
  await new Promise((resolve) => other.close(resolve));
  const third = createApiServer({ api: createMemoryAgent().api, socketPath: link });
  await third.start();
  await third.stop();

  const file = join(socketPath, "..", "file");
  writeFileSync(file, "x");
  const fourth = createApiServer({ api: createMemoryAgent().api, socketPath: file });
  await assert.rejects(fourth.start(), /ENOTSOCK/);
});

test("client and server agree on endpoints from creation to deletion", async (t) => {
  const { client } = await serve(t);
  const created = await client.putEndpoint(0, {
    "container-id": "c1",
    "container-interface-name": "eth0",
    "k8s-namespace": "default",
    "k8s-pod-name": "web",
    labels: ["k8s:app=web"],
    addressing: { ipv4: "10.77.0.10" },
  });
  assert.equal(created.id, 100);
  for (const id of [
    "100",
    "cni-attachment-id:c1:eth0",
    "pod-name:default:web",
    "cep-name:default/web",
    "ipv4:10.77.0.10",
  ]) {
    assert.equal((await client.getEndpoint(id)).id, 100, id);
  }
  await assert.rejects(client.listEndpoints(["k8s:app=other"]), status(404, /none has "k8s:app=other"/));
  assert.equal((await client.endpointHealth("100")).overallHealth, "OK");
  await assert.rejects(client.putEndpoint(100, {}), status(409));
  assert.deepEqual(await client.deleteEndpoints("c1"), { errors: 0 });
  await assert.rejects(client.getEndpoint("100"), status(404, /Cannot find endpoint "100"/));
  await assert.rejects(client.deleteEndpoints("c1"), status(404));
});

test("the server answers 206 with the number of objects that could not be removed", async (t) => {
  const agent = createMemoryAgent({ override: { deleteEndpoint: () => ({ deleted: 1, errors: ["a", "b"] }) } });
  const { client } = await serve(t, agent);
  assert.deepEqual(await client.deleteEndpoint("7"), { errors: 2 });
});

test("bad requests get a JSON error that names what is wrong", async (t) => {
  const { client, socketPath } = await serve(t);
  const send = (method: "GET" | "PUT" | "POST" | "PATCH" | "DELETE", path: string, body?: unknown) =>
    call(socketPath, { method, path, timeout: 60_000, body });
  await assert.rejects(send("GET", "/nothing"), status(404, /no such path/));
  await assert.rejects(send("POST", "/healthz"), status(405, /allowed: GET/));
  await assert.rejects(send("GET", "/endpoint/70000"), status(400, /not an endpoint id/));
  await assert.rejects(send("GET", "/endpoint/%zz"), status(400, /percent escape/));
  await assert.rejects(send("PUT", "/endpoint/1", { mac: 5 }), status(400, /field "mac"/));
  await assert.rejects(send("PUT", "/endpoint/1", { nonsense: 5 }), status(400, /nonsense/));
  await assert.rejects(send("PUT", "/endpoint/pod-name:a:b", {}), status(400, /must be a number/));
  await assert.rejects(send("PUT", "/endpoint/1", { id: 2 }), status(400, /body says id 2/));
  await assert.rejects(send("GET", "/identity/99999999999"), status(400));
  await assert.rejects(send("GET", "/identity/5"), status(404));
  await assert.rejects(send("GET", "/ip?cidr=10.0.0.0/99"), status(400));
  await assert.rejects(send("POST", "/ipam?family=ipx"), status(400, /family "ipx"/));
  await assert.rejects(send("DELETE", "/ipam/nonsense"), status(400));
  await assert.rejects(send("PUT", "/policy", [1]), status(400, /not an object/));
  await assert.rejects(client.patchConfig({ options: { Nope: "x" } }), status(400, /"Nope"/));
  const response = await raw(socketPath, "GET /v1/nothing HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  assert.match(response, /^HTTP\/1\.1 404 /);
  assert.match(response, /content-type: application\/json/);
  assert.match(response, /\{"code":404,"message":"Cannot find/);
});

test("the server takes policies as object, array or List", async (t) => {
  const agent = createMemoryAgent();
  const { client, socketPath } = await serve(t, agent);
  const policy = { kind: "CiliumNetworkPolicy" };
  assert.equal((await client.putPolicy([policy, policy])).revision, 2);
  await call(socketPath, { method: "PUT", path: "/policy", timeout: 60_000, body: policy });
  await call(socketPath, { method: "PUT", path: "/policy", timeout: 60_000, body: { kind: "List", items: [policy] } });
  assert.equal(agent.policies.length, 4);
  assert.equal((await client.deletePolicy()).revision, 5);
});

test("a body above the limit is answered with 413, one that is not JSON with 400", async (t) => {
  const { socketPath } = await serve(t);
  const big = { labels: "x".repeat(11 * 1024 * 1024) };
  await assert.rejects(
    call(socketPath, { method: "PUT", path: "/endpoint/0", timeout: 60_000, body: big }),
    status(413, /at most 10485760 bytes/),
  );
  const head = "PUT /v1/policy HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
  assert.match(await raw(socketPath, `${head}content-length: 5\r\n\r\n{nope`), /^HTTP\/1\.1 400 .*not JSON/s);
  assert.match(await raw(socketPath, `${head}content-length: 999999999999\r\n\r\n{`), /^HTTP\/1\.1 413 /);
  const typed = (type: string) => raw(socketPath, `${head}content-type: ${type}\r\ncontent-length: 2\r\n\r\n{}`);
  assert.match(await typed("application/x-www-form-urlencoded"), /^HTTP\/1\.1 415 .*send application\/json/s);
  assert.match(await typed("text/json"), /^HTTP\/1\.1 415 /);
  for (const type of ["application/json; charset=utf-8", "Application/Merge-Patch+JSON"]) {
    assert.match(await typed(type), /^HTTP\/1\.1 200 /, type);
  }
});

test("a query that nobody reads changes nothing", async (t) => {
  const { socketPath } = await serve(t);
  assert.equal(
    (await call(socketPath, { method: "GET", path: "/healthz?x=1&x=2&__proto__=3", timeout: 60_000 })).status,
    200,
  );
});

test("malformed requests are refused and the server lives on", async (t) => {
  const { client, socketPath } = await serve(t);
  assert.match(await raw(socketPath, "NONSENSE\r\n\r\n"), /^HTTP\/1\.1 400 /);
  assert.match(await raw(socketPath, Buffer.from([0, 255, 1, 2, 13, 10, 13, 10])), /^HTTP\/1\.1 400 /);
  assert.match(
    await raw(socketPath, `GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(200_000)}\r\n\r\n`),
    /^HTTP\/1\.1 431 /,
  );
  assert.match(
    await raw(socketPath, "GET http://[ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"),
    /^HTTP\/1\.1 400 /,
  );
  await raw(socketPath, "PUT /v1/policy HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n");
  assert.equal((await client.healthz()).cilium.state, "Ok");
});

test("an error of the agent that is no ApiError is a 500 with its message", async (t) => {
  const agent = createMemoryAgent({
    override: {
      nodes: () => {
        throw new Error("table is closed");
      },
    },
  });
  const { client } = await serve(t, agent);
  await assert.rejects(client.nodes(), status(500, /table is closed/));
});

test("calls above the rate limit wait, then get 429", async (t) => {
  let running = 0;
  let most = 0;
  const agent = createMemoryAgent({
    override: {
      putEndpoint: async (id) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 20));
        running--;
        return { id } as never;
      },
    },
  });
  const limit = { ...unlimited, parallel: 2, maxWait: 30_000 };
  const { client } = await serve(t, agent, { rateLimits: { "endpoint-create": limit } });
  await Promise.all([1, 2, 3, 4, 5].map((id) => client.putEndpoint(id, {})));
  assert.equal(most, 2);

  const strict = { ...unlimited, rate: 0.001, burst: 1, maxWait: 30 };
  const other = await serve(t, agent, { rateLimits: { "endpoint-create": strict } });
  await other.client.putEndpoint(1, {});
  await assert.rejects(other.client.putEndpoint(2, {}), status(429, /rate limit reached/));
});

test("a stream waits for its reader, and ends with it", async (t) => {
  const most = 20_000;
  let produced = 0;
  let ended = false;
  async function* endless() {
    try {
      // 200 MB, if nobody waits.
      for (; produced < most; produced++) yield { timestamp: "", action: "update" as const, key: "x".repeat(10_000) };
    } finally {
      ended = true;
    }
  }
  const { socketPath } = await serve(t, createMemoryAgent({ override: { mapEvents: () => endless() } }));
  const socket = createConnection(socketPath);
  t.after(() => socket.destroy());
  socket.write("GET /v1/map/cilium_lxc/events?follow=true HTTP/1.1\r\nhost: a\r\n\r\n");
  await once(socket, "readable");
  // It produces until buffers are full, and then no more: two looks find the same.
  for (let before = -1; before !== produced; await sleep(200)) before = produced;
  assert.ok(produced < 1000, `${produced} of ${most} values were made for a reader that does not read`);
  socket.destroy();
  await eventually("the stream ends with its reader", async () => ended);
});

test("AgentClient names the socket and what to do when nobody answers, and gives up in time", async (t) => {
  const socketPath = temporary(t);
  await assert.rejects(new AgentClient({ socketPath }).healthz(), (error: unknown) => {
    assert.ok(error instanceof AgentUnreachableError);
    assert.equal(
      error.message,
      `Cannot reach the agent at "${socketPath}": ENOENT (is cilium-agent running? set CILIUM_SOCK or --host)`,
    );
    return true;
  });
  const silent = createServer(() => undefined).listen(socketPath);
  await new Promise((resolve) => silent.once("listening", resolve));
  await assert.rejects(new AgentClient({ socketPath, timeout: 50 }).healthz(), /ETIMEDOUT/);
  silent.close();
});
