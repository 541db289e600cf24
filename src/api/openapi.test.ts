// SPDX-License-Identifier: Apache-2.0
// The OpenAPI description: whole, of what is served, and true for an agent in memory.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { configureLogging } from "../core/index.ts";
import { describe } from "./openapi.ts";
import { findRoute } from "./router.ts";
import { clusterHealthRoutes } from "./routes/cluster-health.ts";
import { agentRoutes } from "./routes/registry.ts";
import { createApiServer } from "./server.ts";
import { createMemoryAgent } from "./testing.ts";
import { compileAll, type Described, DescribedApi } from "./testing-openapi.ts";

configureLogging({ level: "silent" });

const described = (groups: typeof agentRoutes) => describe(groups) as unknown as Described;

for (const [name, groups] of [
  ["agent", agentRoutes],
  ["cluster-health", clusterHealthRoutes],
] as const) {
  test(`every route of ${name} is described, and everything described has a route`, () => {
    const { paths } = described(groups);
    const inPaths = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const inRoutes = groups.flatMap(({ base, list }) => list.map(({ method, path }) => `${method} ${base}${path}`));
    assert.deepEqual(inPaths.sort(), inRoutes.sort());
    for (const call of inPaths) {
      const [method = "", path = ""] = call.split(" ");
      const found = findRoute(groups, method, path.replaceAll(/[{}]/g, ""));
      assert.equal(`${found.route.method} ${found.base}${found.route.path}`, call);
    }
  });

  test(`the description of ${name} holds valid schemas, and refers to nothing that it lacks`, () => {
    const description = described(groups);
    compileAll(description);
    for (const [, name = ""] of JSON.stringify(description).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      assert.ok(name in description.components.schemas, `no schema ${name}`);
    }
  });
}

test("the agent serves its description, and an answer that is not as described is found", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "openapi-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const socketPath = join(directory, "cilium.sock");
  const override = { nodes: () => ({ self: "default/n1", "nodes-added": [{ name: "default/n1", colour: "red" }] }) };
  const server = createApiServer({ api: createMemoryAgent({ override }).api, socketPath });
  await server.start();
  t.after(() => server.stop());
  const ours = new DescribedApi(socketPath, described(agentRoutes));
  assert.deepEqual(await ours.call("GET", "/v1/openapi.json", 200), ours.description);
  await ours.call("GET", "/v1/healthz", 200);
  await ours.call("GET", "/v1/map/{name}/events", 404, { params: { name: "none" } });
  await assert.rejects(ours.call("GET", "/v1/cluster/nodes", 200), /not as described.*additional properties/);
  await assert.rejects(ours.call("GET", "/v1/cluster/nodes", 200, { params: {} }), /colour/);
  assert.ok(ours.unseen().includes("GET /v1/config 200"));
  assert.ok(!ours.unseen().includes("GET /v1/healthz 200"));
});
