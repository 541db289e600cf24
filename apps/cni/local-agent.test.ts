// SPDX-License-Identifier: Apache-2.0
// The agent without its socket answers the plugin as over the socket.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, type Endpoint } from "../../src/api/index.ts";
import { createMemoryAgent } from "../../src/api/testing.ts";
import { configureLogging } from "../../src/core/index.ts";
import { createLocalAgent } from "./local-agent.ts";

configureLogging({ level: "silent" });

test("what is not there is ApiError 404", async () => {
  const agent = createLocalAgent(createMemoryAgent().api);
  const missing = { name: "ApiError", status: 404 };
  await assert.rejects(agent.getEndpoint("cni-attachment-id:c1:eth0"), missing);
  await assert.rejects(agent.deleteEndpoint("cni-attachment-id:c1:eth0"), missing);
  await assert.rejects(agent.endpointHealth("7"), missing);
});

test("the agent's own answers pass, anything else is ApiError 500", async () => {
  const conflict = new ApiError(409, "Cannot create endpoint: there is one");
  const putEndpoint = (): never => {
    throw conflict;
  };
  const getEndpoint = (): Endpoint => {
    throw new TypeError("x is not a function");
  };
  const agent = createLocalAgent(createMemoryAgent({ override: { putEndpoint, getEndpoint } }).api);
  await assert.rejects(agent.putEndpoint(0, {}), conflict);
  await assert.rejects(agent.getEndpoint("7"), { name: "ApiError", status: 500 });
});

test("deleteEndpoint() counts the errors, ipamAllocate() takes the defaults of the REST API", async () => {
  const asked: unknown[] = [];
  const memory = createMemoryAgent({
    override: {
      deleteEndpoint: () => ({ deleted: 0, errors: ["a", "b"] }),
      ipamRelease: (address) => void asked.push(address),
    },
  });
  const agent = createLocalAgent(memory.api);
  assert.deepEqual(await agent.deleteEndpoint("7"), { errors: 2 });
  assert.equal((await agent.ipamAllocate({ owner: "default/web" })).address.ipv4, "10.77.0.10");
  await agent.ipamRelease("10.77.0.10");
  assert.deepEqual(asked, ["10.77.0.10"]);
});
