// SPDX-License-Identifier: Apache-2.0
// Bad input gives the stated error, and nothing else stops.
import assert from "node:assert/strict";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { agentClient, createSandbox, findRemains, nodeOf, sandboxPaths } from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { clientPod, echoPod, noHealthEndpoints, Scenario, scenarioName } from "./harness.ts";

let scenario: Scenario;

// A pool of 8 addresses: all but network, broadcast and router are for pods.
before(async () => {
  scenario = await Scenario.create("errors", {
    nodes: 1,
    settings: { ...noHealthEndpoints, "ipv4-range": "10.199.1.0/29", "ipv6-range": "fd00:10:199::/112" },
  });
});

after(async () => await scenario?.delete());

test("an address that was given back is not the next one given out", async () => {
  const [first, second] = ["first", "second"].map((name) => clientPod(name, "node1", { app: "x" })) as [string, string];
  await scenario.apply(first);
  const before = scenario.ip("first", 4);
  await scenario.remove(first);
  await scenario.apply(second);
  assert.notEqual(scenario.ip("second", 4), before);
  await scenario.remove(second);
});

test("a full pool fails the pod by name, and the others run on", async () => {
  await scenario.apply(echoPod("echo", "node1", { app: "echo" }) + clientPod("client", "node1", { app: "client" }));
  const many = Array.from({ length: 8 }, (_, i) => clientPod(`many-${i}`, "node1", { app: "many" })).join("");
  await assert.rejects(scenario.apply(many), (error: Error) => {
    assert.match(error.message, /Cannot start pod "default\/many-\d" on node1: CNI ADD failed: .*10\.199\.1\.0\/29/);
    return true;
  });
  const failed = scenario.pods().filter((pod) => pod.failure !== undefined);
  assert.ok(failed.length > 0 && failed.length < 8, `${failed.length} pods failed`);
  assert.deepEqual(await scenario.probe("client", [{ protocol: "TCP", ip: scenario.ip("echo", 4), port: 7000 }]), [
    true,
  ]);
  await scenario.remove(many);
  assert.deepEqual(
    scenario.pods().map((pod) => pod.name),
    ["client", "echo"],
  );
});

test("a bad manifest is refused whole, with document and path", async () => {
  const bad = `${clientPod("good", "node1", {})}---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: bad}
spec:
  endpointSelector: {}
  ingress: [{toPorts: [{ports: [{port: "70000", protocol: TCP}]}]}]
`;
  await assert.rejects(scenario.apply(bad), /document 2.*spec\.ingress\[0\]\.toPorts\[0\]\.ports\[0\]\.port.*70000/);
  await assert.rejects(
    scenario.apply(clientPod("lost", "node7", {})),
    /spec\.nodeName is "node7", expected one of node1/,
  );
  assert.deepEqual(
    scenario.pods().map((pod) => pod.name),
    ["client", "echo"],
  );
});

test("a bad policy file: the agent says so, keeps the policies it has, and takes new ones", async () => {
  const { staticResources } = sandboxPaths(scenario.name).node("node1");
  const client = agentClient(scenario.sandbox, nodeOf(scenario.sandbox, "node1"));
  const probe = [{ protocol: "TCP", ip: scenario.ip("echo", 4), port: 7000 }] as const;
  const file = join(staticResources, "bad.yaml");
  writeFileSync(
    file,
    "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: bad}\nspec: {endpointSelector: [",
  );
  const complaint = async () => {
    const { modules = [] } = await client.healthz();
    return modules.find((module) => module.name === "static-resources")?.message ?? "";
  };
  await eventually("a complaint about bad.yaml", async () => (await complaint()).includes("bad.yaml"));
  assert.deepEqual(await scenario.probe("client", probe), [true]);
  const closed = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: closed}
spec: {endpointSelector: {matchLabels: {app: echo}}, ingress: [{fromEndpoints: [{matchLabels: {app: nobody}}]}]}
`;
  await scenario.apply(closed);
  assert.deepEqual(await scenario.probe("client", probe), [false]);
  rmSync(file);
  await scenario.remove(closed);
  assert.deepEqual(await scenario.probe("client", probe), [true]);
});

test("a configuration key that the agent does not know ends create by name, and nothing stays", async () => {
  const name = scenarioName("badkey");
  await assert.rejects(createSandbox({ name, nodes: 1, settings: { "enable-warp": "true" } }), /enable-warp/);
  assert.equal(findRemains(name).found, false);
});
