// SPDX-License-Identifier: Apache-2.0
// REST and raw HTTP against the real server: 4xx with a clear JSON error, never 5xx for bad input, memory bounded.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  AgentClient,
  type ApiServer,
  type ApiServerOptions,
  createApiServer,
  noRateLimits,
  unlimited,
} from "../../src/api/index.ts";
import { createMemoryAgent } from "../../src/api/testing.ts";
import { configureLogging } from "../../src/core/index.ts";
import { exchange, type RawAnswer } from "./http.ts";
import { assertNoPollution, fuzz, type Random } from "./random.ts";

configureLogging({ level: "silent" });

const directory = mkdtempSync(join(tmpdir(), "fuzz-api-"));
const socketPath = join(directory, "cilium.sock");
let server: ApiServer;
let client: AgentClient;

before(async () => {
  server = createApiServer({ api: createMemoryAgent().api, socketPath, rateLimits: noRateLimits });
  await server.start();
  client = new AgentClient({ socketPath, timeout: 60_000 });
});
after(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

async function serve(options: Partial<ApiServerOptions>): Promise<{ path: string } & AsyncDisposable> {
  const path = join(directory, `${Math.random()}.sock`);
  const other = createApiServer({ api: createMemoryAgent().api, socketPath: path, ...options });
  await other.start();
  return { path, [Symbol.asyncDispose]: () => other.stop() };
}

/** An error of the server: a 4xx, a JSON object with the code and one bounded line. */
function assertRefused({ status, headers, body }: RawAnswer, sent: string): void {
  assert.ok(status >= 400 && status < 500, `${status} for ${sent}: ${body.slice(0, 300)}`);
  assert.match(headers, /^content-type: application\/json$/im, sent);
  const error = JSON.parse(Buffer.from(body, "latin1").toString("utf8")) as { code: unknown; message: unknown };
  assert.equal(error.code, status, sent);
  assert.ok(typeof error.message === "string" && /^Cannot \S/.test(error.message), `${body} for ${sent}`);
  assert.ok(error.message.length <= 1100, `a message of ${error.message.length} characters for ${sent.slice(0, 200)}`);
}

/** Good answers are fine too: a mutated request may still be right. 502 is the memory agent's empty pool. */
function assertSane(answer: RawAnswer, sent: string): void {
  if (answer.status >= 200 && answer.status < 300) return;
  if (answer.status === 502 && sent.startsWith("POST /v1/ipam")) return;
  assertRefused(answer, sent);
}

const request = (method: string, path: string, body = "", headers = ""): string =>
  `${method} ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${headers}${body === "" ? "" : `content-length: ${Buffer.byteLength(body, "latin1")}\r\n`}\r\n${body}`;

const latin1 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");

const goodBodies: readonly (readonly [string, string, unknown])[] = [
  ["PUT", "/v1/endpoint/0", { "container-id": "c1", labels: ["k8s:a=b"], addressing: { ipv4: "10.0.0.1" }, mac: "x" }],
  [
    "PUT",
    "/v1/endpoint/5",
    { id: 5, properties: { a: { b: [1] } }, "datapath-configuration": { "require-routing": true } },
  ],
  ["PATCH", "/v1/endpoint/100", { state: "ready", "k8s-pod-name": "p", "k8s-namespace": "n", "interface-index": 4 }],
  ["DELETE", "/v1/endpoint", { "container-id": "c1" }],
  ["GET", "/v1/endpoint", ["k8s:a=b"]],
  ["GET", "/v1/identity", ["k8s:a=b"]],
  ["PATCH", "/v1/endpoint/100/labels", { user: ["k8s:a=b"] }],
  ["PATCH", "/v1/endpoint/100/config", { options: { PolicyAuditMode: "Enabled" } }],
  ["GET", "/statedb/query", { table: "ipcache", index: "Prefix", key: "10.0.0.0/8", match: "prefix" }],
  ["PATCH", "/v1/config", { options: { Debug: "Enabled" }, "policy-enforcement": "always" }],
  ["PUT", "/v1/policy", { kind: "List", items: [{ kind: "CiliumNetworkPolicy", metadata: { name: "a" } }] }],
];

fuzz("REST bodies: mutated fields, types and JSON text", 3000, async (random) => {
  const [method, path, good] = random.pick(goodBodies);
  const body = random.mutate(good);
  const text = random.chance(0.3) ? random.mutateText(JSON.stringify(body)) : JSON.stringify(body);
  const sent = request(method, path, latin1(text ?? ""));
  const { answers } = await exchange(socketPath, sent);
  assert.equal(answers.length, 1, sent.slice(0, 500));
  for (const answer of answers) assertSane(answer, sent);
  assertNoPollution();
});

const ids = (random: Random): string =>
  random.pick([
    ...["0", "5", "-1", "65536", "1e3", "0x10", "００", "cilium-local:5", "container-id:", "cni-attachment-id:a:b:c"],
    ...["ipv4:1.2.3.4", "ipv4:::1", "ipv6:fe80::1%25eth0", "pod-name:a/b/c", "%2e%2e", "..%2f..", "%00", "a%0d%0ab"],
    ...["%ff%fe", "%e2%80%ae", "constructor", "__proto__", encodeURIComponent(random.text(30).toWellFormed())],
  ]);

fuzz("REST targets: path tricks, ids, addresses, queries, methods", 3000, async (random) => {
  const method = random.pick(["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PURGE", "MKCOL"]);
  const id = ids(random);
  const path = random.pick([
    ...[`/v1/endpoint/${id}`, `/v1/endpoint/${id}/log`, `/v1/endpoint/${id}/healthz`, `/v1/identity/${id}`],
    ...[`/v1/ipam/${id}`, `/v1/ipam?family=${id}&family=ipv4`, `/v1/ip?cidr=${id}`, `/v1/policy?name=${id}`],
    ...[`/v1/endpoint/${id}/labels`, `/v1/map/${id}`, `/v1/map/${id}/events?follow=${id}`, `/statedb/dump/${id}`],
    ...[`/statedb/changes/${id}`, `/statedb/${id}`, `/v1/cluster/nodes?client-id=${id}`],
    ...[`/v1/policy/explain?endpoint=${id}&port=${id}&direction=${id}`, `/v1/../v1/${id}`, `//v1/${id}`, `/v1//${id}`],
    ...[
      `http://other/v1/${id}`,
      `/v1/healthz?${id}`,
      `/v1/%2e%2e/%2e%2e/etc/passwd`,
      "*",
      `/v1/config#${id}`,
      "/",
      "/v1",
    ],
  ]);
  const sent = request(
    method,
    method !== "HEAD" && random.chance(0.2) ? random.mutateText(path).replaceAll(/[\u0100-\uffff]/g, "x") : path,
  );
  const { answers } = await exchange(socketPath, latin1(sent));
  // One with a space or a line end in it may be two requests; all of them are answered.
  assert.ok(answers.length > 0, JSON.stringify(sent));
  for (const answer of answers) {
    if (method === "HEAD") assert.ok(answer.status >= 400 && answer.status < 500, sent);
    else assertSane(answer, sent);
  }
});

fuzz("raw HTTP: mutated heads, lengths, encodings and plain garbage", 1500, async (random) => {
  const good = random.pick([
    request("PUT", "/v1/endpoint/7", '{"container-id":"a"}'),
    "PUT /v1/policy HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
    request("GET", "/v1/healthz", "", "expect: something\r\n"),
    request("GET", "/v1/healthz", "", "upgrade: h2c\r\nconnection: upgrade\r\n"),
    request("GET", "/v1/healthz", "", "content-length: 3\r\ntransfer-encoding: chunked\r\n"),
    "GET /v1/healthz HTTP/9.9\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\u0016\u0003\u0001\u0002\u0000\u0001\u0000",
  ]);
  const bytes = random.chance(0.2)
    ? random.bytes(random.int(1, 200))
    : Buffer.from(random.mutateText(good).replaceAll(/[\u0100-\uffff]/g, "y"), "latin1");
  const { answers, text } = await exchange(socketPath, bytes, { halfClose: true, timeoutMs: 2500 });
  for (const answer of answers) {
    assert.ok(!Number.isNaN(answer.status), `no HTTP in ${JSON.stringify(text.slice(0, 200))}`);
    // What Node's parser itself refuses has no body in the one case of an upgrade.
    assert.ok(answer.status < 500, `${answer.status} for ${JSON.stringify(Buffer.from(bytes).toString("latin1"))}`);
    if (answer.status >= 400) assertRefused(answer, Buffer.from(bytes).toString("latin1"));
  }
});

test("good requests are answered after all of that", async () => {
  assert.equal((await client.healthz()).cilium.state, "Ok");
  assert.equal((await client.putEndpoint(4711, { "container-id": "good" })).id, 4711);
  assert.equal((await client.deleteEndpoint("4711")).errors, 0);
});

/** Collects garbage where the runtime lets us, and gives what the process holds, in bytes. */
function resident(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss;
}

test("threats: a body of 100 MB is answered with 413, read away in bounded memory, and the connection closed", async () => {
  const chunk = Buffer.alloc(1024 * 1024, "x");
  const before = resident();
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 5);
  for (const head of [
    `content-length: ${100 * chunk.length}\r\n\r\n`,
    "transfer-encoding: chunked\r\n\r\n",
    "expect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n",
  ]) {
    const chunked = head.includes("chunked");
    const parts: (string | Buffer)[] = [`PUT /v1/policy HTTP/1.1\r\nhost: a\r\n${head}`];
    for (let n = 0; n < 100; n++) parts.push(...(chunked ? ["100000\r\n", chunk, "\r\n"] : [chunk]));
    if (chunked) parts.push("0\r\n\r\n");
    const { answers, closed } = await exchange(socketPath, parts, { timeoutMs: 10_000 });
    assert.deepEqual([answers.length, answers[0]?.status, closed], [1, 413, true], head);
    assertRefused(answers[0] as RawAnswer, head);
  }
  clearInterval(watch);
  const grown = (Math.max(most, resident()) - before) / 1024 / 1024;
  assert.ok(grown < 120, `${grown.toFixed(0)} MiB more than before`);
  assert.equal((await client.healthz()).cilium.state, "Ok");
});

test("threats: an ordinary client gets the 413 too, not a broken connection", async () => {
  const big = { description: "x".repeat(60 * 1024 * 1024) };
  await assert.rejects(client.putPolicy([big]), /too large \(at most 10485760 bytes\)/);
});

test("threats: many large bodies at once are refused beyond a budget, in bounded memory", async () => {
  const before = resident();
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 5);
  // Each body stays one byte short, so that all of them are there at once.
  const body = Buffer.alloc(9 * 1024 * 1024, "[");
  const head = `PUT /v1/policy HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: ${body.length + 1}\r\n\r\n`;
  const results = await Promise.all(
    Array.from({ length: 24 }, () => exchange(socketPath, [head, body], { timeoutMs: 1500 })),
  );
  clearInterval(watch);
  const refused = results.filter(({ answers }) => answers[0]?.status === 503);
  assert.ok(refused.length >= 24 - 8, `${refused.length} of 24 refused`);
  assert.ok((most - before) / 1024 / 1024 < 250, `${((most - before) / 1024 / 1024).toFixed(0)} MiB more than before`);
  // The clients are gone: their bytes are given back.
  await assert.rejects(client.putPolicy([{ x: "y".repeat(9 * 1024 * 1024), z: [] }, 1]), /not an object/);
});

test("threats: deep nesting is refused before anything walks through it", async () => {
  for (const depth of [65, 1000, 1_000_000, 4_000_000]) {
    const lists = "[".repeat(depth) + "]".repeat(depth);
    const levels = Math.min(depth, 1_000_000);
    const objects = `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
    for (const body of [lists, objects, `{"kind":"X","spec":${lists}}`, "[".repeat(depth)]) {
      const { answers } = await exchange(socketPath, request("PUT", "/v1/policy", body));
      assertRefused(answers[0] as RawAnswer, `depth ${depth}`);
      assert.match(answers[0]?.body ?? "", /nested too deep/);
    }
  }
  const deepest = `{"kind":"X","spec":${"[".repeat(63)}${"]".repeat(63)}}`;
  assert.equal((await exchange(socketPath, request("PUT", "/v1/policy", deepest))).answers[0]?.status, 200);
  const text = JSON.stringify([{ kind: "X", text: `\\"${"[{".repeat(1000)}` }]);
  assert.equal((await exchange(socketPath, request("PUT", "/v1/policy", text))).answers[0]?.status, 200);
});

test("threats: huge heads are refused with 431", async () => {
  for (const head of [
    `GET /v1/healthz?${"x".repeat(200_000)} HTTP/1.1\r\n\r\n`,
    `GET /v1/healthz HTTP/1.1\r\n${"a: b\r\n".repeat(20_000)}\r\n`,
    `GET /v1/healthz HTTP/1.1\r\n${"n".repeat(200_000)}: b\r\n\r\n`,
  ]) {
    const { answers, closed } = await exchange(socketPath, head);
    assert.deepEqual([answers[0]?.status, closed], [431, true]);
  }
});

test("threats: slow senders are ended in time, and hold no turn of others meanwhile", async () => {
  const limit = { ...unlimited, parallel: 1, maxWait: 200 };
  await using slow = await serve({
    rateLimits: { "endpoint-create": limit },
    timeouts: { headers: 300, request: 600 },
  });
  const dribbles = [
    "",
    "GET /v1/healthz HTTP/1.1\r\nx: ",
    "PUT /v1/endpoint/1 HTTP/1.1\r\ncontent-length: 100\r\n\r\n{",
  ];
  const held = dribbles.map((bytes) => exchange(slow.path, bytes, { timeoutMs: 60_000 }));
  await sleep(50);
  const good = new AgentClient({ socketPath: slow.path, timeout: 60_000 });
  assert.equal((await good.putEndpoint(2, {})).id, 2);
  for (const result of await Promise.all(held)) {
    assert.ok(result.closed, "held open");
    for (const answer of result.answers) assert.equal(answer.status, 408);
  }
});

test("threats: more connections than allowed are dropped, and those in time are served", async () => {
  const sockets = Array.from({ length: 600 }, () => {
    const socket = createConnection(socketPath);
    socket.on("error", () => undefined);
    return socket;
  });
  await sleep(200);
  for (const socket of sockets) socket.destroy();
  await sleep(50);
  assert.equal((await client.healthz()).cilium.state, "Ok");
});

test("threats: calls sent without waiting for answers are bounded on one connection too", async () => {
  let most = 0;
  let running = 0;
  const memory = createMemoryAgent();
  const wait = Promise.withResolvers<void>();
  const getIdentity = async () => {
    most = Math.max(most, ++running);
    await wait.promise;
    running--;
    return undefined;
  };
  await using other = await serve({ api: { ...memory.api, getIdentity } });
  const one = "GET /v1/identity/5 HTTP/1.1\r\nhost: a\r\n\r\n";
  const sending = exchange(other.path, one.repeat(20_000), { timeoutMs: 1500 });
  await sleep(700);
  wait.resolve();
  const { answers } = await sending;
  assert.ok(most <= 1024, `${most} at once`);
  for (const answer of answers) assert.ok(answer.status === 404 || answer.status === 503, String(answer.status));
});
