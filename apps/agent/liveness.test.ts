// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import type { StatusResponse } from "../../src/api/index.ts";
import { configureLogging } from "../../src/core/index.ts";
import { createLiveness } from "./liveness.ts";

configureLogging({ level: "silent" });

/** A port that was free a moment ago. */
async function freePort(t: TestContext, keep = false): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  if (keep) t.after(() => server.close());
  else await new Promise((resolve) => server.close(resolve));
  return port;
}

test("probes get 200 of an agent that is well, and 503 with why of another one", async (t) => {
  const port = await freePort(t);
  let status: StatusResponse | Error = { cilium: { state: "Ok" } };
  const asked: unknown[] = [];
  const healthz = (options: unknown): StatusResponse => {
    asked.push(options);
    if (status instanceof Error) throw status;
    return status;
  };
  const liveness = createLiveness({ healthz }, port);
  await liveness.start(new AbortController().signal);
  t.after(() => liveness.stop?.());
  const probe = (path: string, headers = {}) => fetch(`http://127.0.0.1:${port}${path}`, { headers });
  assert.equal((await probe("/healthz", { brief: "true", "require-k8s-connectivity": "false" })).status, 200);
  assert.deepEqual(asked, [{ brief: true, requireK8s: false }]);
  status = { cilium: { state: "Warning", msg: "Module x is stopped" } };
  const sick = await probe("/healthz");
  assert.deepEqual([sick.status, await sick.json()], [503, status]);
  status = new Error("table is closed");
  const broken = await probe("/healthz");
  assert.deepEqual([broken.status, await broken.text()], [503, "table is closed\n"]);
  assert.equal((await probe("/other")).status, 404);
  assert.deepEqual(liveness.health?.(), { state: "ok" });
});

test("a port that somebody else has is told of, and stops nothing", async (t) => {
  const port = await freePort(t, true);
  const other = createServer().listen(port, "::1");
  await Promise.race([once(other, "listening"), once(other, "error")]);
  t.after(() => other.close());
  const liveness = createLiveness({ healthz: () => ({ cilium: { state: "Ok" } }) }, port);
  await liveness.start(new AbortController().signal);
  t.after(() => liveness.stop?.());
  const health = liveness.health?.();
  if (health?.state === "degraded") assert.match(health.message ?? "", /EADDRINUSE/);
  else assert.fail("two servers have one port");
});
