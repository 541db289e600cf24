// SPDX-License-Identifier: Apache-2.0
// A node with a policy for itself: what its neighbour and its pods may send to it, with and without its agent.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readMonitor } from "../../src/api/index.ts";
import { AgentNode } from "./testing.ts";

const NODE = "172.31.251.1";
const NEIGHBOUR = "172.31.251.2";

const objects = `
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {role: edge}}
---
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a}}
`;
const policy = (annotations = "{}") => `
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: edge, annotations: ${annotations}}
spec:
  nodeSelector: {matchLabels: {role: edge}}
  ingress:
  - fromEntities: [world]
    toPorts: [{ports: [{port: "7000", protocol: TCP}]}]
`;

const cut = `
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: cut}
spec:
  nodeSelector: {}
  egressDeny: [{toEntities: [world]}]
`;

let node: AgentNode;
let agent: ChildProcess;

before(async () => {
  node = new AgentNode({
    ...{ "enable-host-firewall": "true", devices: "eth+" },
    ...{
      "policy-confirm-targets": `${NEIGHBOUR}:7000`,
      "policy-confirm-ports": "7000",
      "policy-confirm-timeout": "8s",
    },
  });
  node.neighbour("neighbour", "eth1", "172.31.251");
  node.writeManifest("objects.yaml", objects);
  ({ child: agent } = await node.startAgent());
  await node.cni("ADD", "a");
  node.workload("node", "echo");
  node.workload("neighbour", "echo");
});
after(async () => await node?.close());

/** Ports 7000 and 7001 of the node from its neighbour, then from its pod, then the neighbour's from the node. */
const reached = async () => {
  const ports = (ip: string) => [7000, 7001].map((port) => ({ protocol: "TCP", ip, port }));
  return await Promise.all([
    node.probe("neighbour", ports(NODE)),
    node.probe("a", ports(NODE)),
    node.probe("node", ports(NEIGHBOUR)),
  ]);
};
const open = [true, true];
const onlyFirst = [true, false];
const closed = [false, false];
const host = async () => (await node.client.listEndpoints()).find(({ id }) => id === 65535);
const enforced = async (mode: string) => {
  await node.until(`the host's policy is ${mode}`, async () => {
    const { state, policy: found } = (await host())?.status ?? {};
    return state === "ready" && found?.realized?.["policy-enabled"] === mode;
  });
};

/** What the agent says on its monitor's socket, from now on. */
function listen() {
  const stop = new AbortController();
  const heard = { listening: false, texts: [] as string[], [Symbol.dispose]: () => stop.abort() };
  const read = async () => {
    for await (const records of readMonitor(join(node.stateDir, "monitor1_2.sock"), stop.signal)) {
      heard.listening = true;
      heard.texts.push(...records.map(({ data }) => Buffer.from(data).toString()));
    }
  };
  void read();
  return heard;
}

test("without a policy the host takes everything; its endpoint has the labels of its Node object", async () => {
  await enforced("none");
  assert.deepEqual((await host())?.status.labels?.["security-relevant"], ["reserved:host", "k8s:role=edge"]);
  await node.until("workloads answer", async () => (await reached()).flat().every(Boolean));
});

test("a policy for nodes holds for neighbours and pods, and leaves alone what the host itself asks", async () => {
  node.writeManifest("policy.yaml", policy());
  await enforced("ingress");
  assert.deepEqual(await reached(), [onlyFirst, closed, open]);
});

test("threats: the host's policy is in force while its agent is gone, starts, and is there again", async () => {
  await node.end(agent, "SIGKILL");
  assert.deepEqual(await reached(), [onlyFirst, closed, open]);
  const starting = node.startAgent();
  assert.deepEqual(await reached(), [onlyFirst, closed, open]);
  ({ child: agent } = await starting);
  await enforced("ingress");
  assert.deepEqual(await reached(), [onlyFirst, closed, open]);
});

test("the host's own audit mode outlives its agent", async () => {
  const set = (word: string) => node.client.patchEndpointConfig("65535", { options: { PolicyAuditMode: word } });
  const everythingPasses = async () => (await reached()).flat().every(Boolean);
  await set("enable");
  await node.until("everything passes", everythingPasses);
  await node.end(agent, "SIGKILL");
  ({ child: agent } = await node.startAgent());
  await enforced("audit-ingress");
  assert.ok(await everythingPasses());
  await set("disable");
  await enforced("ingress");
  assert.deepEqual(await reached(), [onlyFirst, closed, open]);
});

test("an audited policy for nodes lets everything pass and counts what it would deny, a staged one too", async () => {
  for (const [annotation, counter] of [
    ["audit", "audited"],
    ["staged", "staged-denied"],
  ] as const) {
    const counted = async () => (await node.client.policyHits()).reduce((sum, hits) => sum + hits[counter], 0);
    const before = await counted();
    node.writeManifest("policy.yaml", policy(`{policy.cilium.io/${annotation}: "true"}`));
    await node.until(`${annotation}: everything passes, and is counted`, async () => {
      return (await reached()).flat().every(Boolean) && (await counted()) > before;
    });
  }
});

test("a policy that cuts the node off from what it needs is reverted, stays so over a restart, and says so", async () => {
  const confirmation = async () => (await node.client.healthz()).modules?.find(({ name }) => name === "policy-confirm");
  const isReverted = async () =>
    /reverted \(.*\/cut\): .*172\.31\.251\.2:7000/.test((await confirmation())?.message ?? "");
  const { revision } = await node.client.getPolicy();
  node.writeManifest("policy.yaml", policy());
  await node.until("the good policy is there", async () => (await node.client.getPolicy()).revision > revision);
  await enforced("ingress");
  await node.until("the good policy is confirmed", async () => (await confirmation())?.message === undefined);
  using heard = listen();
  await node.until("the monitor listens", async () => heard.listening);
  node.writeManifest("cut.yaml", cut);
  await node.until("it is reverted", isReverted);
  await node.until("listeners of the monitor were told", async () =>
    heard.texts.some((text) => text.includes("io.cilium.k8s.policy.name=cut") && text.includes('"reverted"')),
  );
  await node.until("the neighbour is there again", async () => (await reached())[2]?.every(Boolean) === true);
  assert.deepEqual(await reached(), [onlyFirst, closed, open]);
  await node.end(agent, "SIGKILL");
  ({ child: agent } = await node.startAgent());
  await node.until("it is known as reverted", isReverted);
  assert.deepEqual(await reached(), [onlyFirst, closed, open]);
});
