// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { configureLogging } from "../core/index.ts";
import { accessName, allowedRoutes } from "./access.ts";
import { AgentClient } from "./client.ts";
import { ApiError } from "./errors.ts";
import { agentRoutes } from "./routes/registry.ts";
import { createApiServer } from "./server.ts";
import { createMemoryAgent } from "./testing.ts";

configureLogging({ level: "silent" });

test("accessName() writes calls as Cilium's flag has them", () => {
  const names = {
    GetHealthz: ["GET", "/v1", "/healthz"],
    PutEndpointID: ["PUT", "/v1", "/endpoint/{id}"],
    PatchEndpointIDConfig: ["PATCH", "/v1", "/endpoint/{id}/config"],
    PostIPAMIP: ["POST", "/v1", "/ipam/{ip}"],
    GetBGPRoutePolicies: ["GET", "/v1", "/bgp/route-policies"],
    GetCgroupDumpMetadata: ["GET", "/v1", "/cgroup-dump-metadata"],
    GetStatedbDumpTable: ["GET", "/statedb", "/dump/{table}"],
  } as const;
  for (const [name, [method, base, path]] of Object.entries(names))
    assert.equal(accessName(base, { method, path }), name);
});

test("allowedRoutes() takes names and beginnings, and refuses what matches nothing", () => {
  const all = agentRoutes.flatMap(({ list }) => list);
  assert.equal(allowedRoutes(agentRoutes, ["*"]).size, all.length);
  assert.equal(allowedRoutes(agentRoutes, []).size, 0);
  const paths = [...allowedRoutes(agentRoutes, ["GetHealthz", "PatchEndpoint*"])].map(({ path }) => path);
  assert.deepEqual(paths, ["/healthz", "/endpoint/{id}", "/endpoint/{id}/config", "/endpoint/{id}/labels"]);
  assert.equal(allowedRoutes(agentRoutes, ["GetFqdn*", "GetServiceID"]).size, 0);
  assert.throws(() => allowedRoutes(agentRoutes, ["GetHealth"]), /no such call \(did you mean GetHealthz\?\)/);
});

test("calls that are not allowed are answered with 403, by name", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "api-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const socketPath = join(directory, "cilium.sock");
  const server = createApiServer({ api: createMemoryAgent().api, socketPath, access: ["Get*"] });
  await server.start();
  t.after(() => server.stop());
  const client = new AgentClient({ socketPath, timeout: 60_000 });
  assert.equal((await client.healthz()).cilium.state, "Ok");
  await assert.rejects(client.putEndpoint(0, {}), (error: unknown) => {
    assert.ok(error instanceof ApiError);
    assert.equal(error.status, 403);
    assert.match(error.message, /^Cannot PUT "\/v1\/endpoint\/0": PutEndpointID is not allowed/);
    return true;
  });
});
