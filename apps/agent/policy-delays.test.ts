// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createMetrics, doneStatus, FakeClock, pendingStatus } from "../../src/core/index.ts";
import { createEndpointTable, type EndpointRow } from "../../src/endpoint/index.ts";
import type { AffectedEndpoints } from "../../src/policy/index.ts";
import { podLabelSet } from "../../src/policy/testing.ts";
import { createPolicyDelays } from "./policy-delays.ts";

const web = podLabelSet("default", "app=web");

function endpoint(id: number, status: EndpointRow["status"]): EndpointRow {
  return {
    ...{ id, identity: 300, identityLabels: web, labels: web, phase: "active", status, generation: 0, log: [] },
    ...{ containerId: `c${id}`, containerInterfaceName: "eth0", netnsPath: "", interfaceName: `lxc${id}`, ifindex: id },
    ...{ mac: "02:00:00:00:00:01", nodeMac: "02:00:00:00:00:02", podNamespace: "default", podName: `p${id}` },
  };
}

test("a change is over when the last endpoint that it concerns has it, or is gone", async (t) => {
  const clock = new FakeClock();
  const endpoints = createEndpointTable();
  const metrics = createMetrics();
  let affected = (_: AffectedEndpoints): void => {};
  const engine = {
    onAffected: (listener: (change: AffectedEndpoints) => void) => {
      affected = listener;
      return { [Symbol.dispose]: () => {} };
    },
  };
  const delays = createPolicyDelays({ engine, endpoints, metrics, clock });
  await delays.start(new AbortController().signal);
  t.after(() => delays.stop?.());
  const count = async (name: string) => {
    const text = await metrics.text();
    const [, sum, labels] = new RegExp(`cilium_${name}_sum\\{(.*)\\} (.*)`).exec(text) ?? [];
    return [sum, labels];
  };
  for (const reason of ["policy", "identity"] as const) {
    endpoints.upsertMany([1, 2].map((id) => endpoint(id, pendingStatus(0))));
    await turn();
    affected({ reason, revision: 2, identities: [300] });
    endpoints.upsert(endpoint(1, doneStatus(0)));
    await turn();
    clock.advance(2000);
    assert.deepEqual(await count(reason === "policy" ? "policy_implementation_delay" : "none"), [undefined, undefined]);
    if (reason === "policy") endpoints.upsert(endpoint(2, doneStatus(0)));
    else endpoints.delete(2);
    await turn();
  }
  assert.deepEqual(await count("policy_implementation_delay"), ['source="agent"', "2"]);
  assert.deepEqual(await count("policy_incremental_update_duration"), ['scope="global"', "2"]);
});
