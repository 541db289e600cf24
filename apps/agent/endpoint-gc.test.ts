// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { configureLogging, doneStatus, FakeClock, Labels } from "../../src/core/index.ts";
import { createEndpointTable, type EndpointRow, hostEndpointId } from "../../src/endpoint/index.ts";
import { createEndpointGc } from "./endpoint-gc.ts";

configureLogging({ level: "silent" });

function row(id: number, more: Partial<EndpointRow> = {}): EndpointRow {
  return {
    ...{ id, phase: "active", status: doneStatus(0), containerId: `c${id}`, containerInterfaceName: "eth0" },
    ...{ netnsPath: "", interfaceName: `lxc${id}`, ifindex: id, mac: "", nodeMac: "", podNamespace: "", podName: "" },
    ...{ labels: Labels.parse([]), generation: 0, log: [] },
    ...more,
  };
}

test("an endpoint whose device is gone twice is deleted, one whose device came back, going ones and the host are not", async () => {
  const clock = new FakeClock();
  const endpoints = createEndpointTable();
  const devices = new Set(["lxc1"]);
  const deleted: number[] = [];
  endpoints.upsertMany([
    row(1),
    row(2),
    row(3),
    row(4, { phase: "disconnecting" }),
    row(hostEndpointId, { host: true }),
  ]);
  const manager = {
    async delete(id: number) {
      deleted.push(id);
      return endpoints.delete(id) !== undefined;
    },
  };
  const gc = createEndpointGc(
    { endpoints, manager, deviceExists: ({ interfaceName }) => devices.has(interfaceName), clock },
    1000,
  );
  await gc.start(new AbortController().signal);
  clock.advance(1000);
  await turn();
  assert.deepEqual(deleted, []);
  devices.add("lxc3");
  clock.advance(1000);
  await turn();
  assert.deepEqual(deleted, [2]);
  clock.advance(1000);
  await turn();
  assert.deepEqual(deleted, [2]);
  await gc.stop?.();
});

test("a look that fails is followed by another, and none follows the end", async () => {
  const clock = new FakeClock();
  const endpoints = createEndpointTable();
  endpoints.upsert(row(1));
  let looks = 0;
  const deviceExists = () => {
    looks++;
    throw new Error("EMFILE");
  };
  const gc = createEndpointGc({ endpoints, manager: { delete: async () => true }, deviceExists, clock }, 1000);
  await gc.start(new AbortController().signal);
  for (const expected of [1, 2]) {
    clock.advance(1000);
    await turn();
    assert.equal(looks, expected);
  }
  clock.advance(1000);
  await gc.stop?.();
  await turn();
  clock.advance(5000);
  await turn();
  assert.equal(looks, 3);
});
