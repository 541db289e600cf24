// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { doneStatus } from "../../src/core/index.ts";
import { createEndpointTable, type EndpointRow } from "../../src/endpoint/index.ts";
import { PolicyEngine } from "../../src/policy/index.ts";
import { cnp, podLabelSet, selector } from "../../src/policy/testing.ts";
import { createPolicyLink } from "./policy-link.ts";

const web = podLabelSet("default", "app=web");

function endpoint(id: number, identity: number): EndpointRow {
  return {
    ...{
      id,
      identity,
      identityLabels: web,
      labels: web,
      phase: "active",
      status: doneStatus(),
      generation: 0,
      log: [],
    },
    ...{ containerId: `c${id}`, containerInterfaceName: "eth0", netnsPath: "", interfaceName: `lxc${id}`, ifindex: id },
    ...{ mac: "02:00:00:00:00:01", nodeMac: "02:00:00:00:00:02", podNamespace: "default", podName: `p${id}` },
  };
}

test("endpoints are regenerated when their policy changes, and forgotten when the last one of an identity is gone", async (t) => {
  const engine = new PolicyEngine();
  const endpoints = createEndpointTable();
  const regenerated: number[][] = [];
  const manager = {
    regenerate: (ids: Iterable<number> | "all") => void regenerated.push(ids === "all" ? [] : [...ids]),
  };
  const link = createPolicyLink({ engine, manager, endpoints });
  await link.start(new AbortController().signal);
  t.after(() => link.stop?.());

  endpoints.upsertMany([endpoint(1, 300), endpoint(2, 300)]);
  await turn();
  engine.resolveEndpoint(web, 300);
  const policy = (name: string) =>
    engine.upsertPolicy(cnp(name, { endpointSelector: selector("app=web"), ingress: [{}] }));
  policy("a");
  assert.deepEqual(regenerated.splice(0), [[300]]);

  endpoints.delete(1);
  await turn();
  policy("b");
  assert.deepEqual(regenerated.splice(0), [[300]], "another endpoint has the identity");

  endpoints.upsert(endpoint(2, 301));
  await turn();
  policy("c");
  assert.deepEqual(regenerated, [], "nobody has it any more");
});
