// SPDX-License-Identifier: Apache-2.0
// One node alone: a real agent, pods of the real plugin, and traffic that must not notice when the agent goes.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentNode } from "./testing.ts";

const pods = `
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a}}
---
apiVersion: v1
kind: Pod
metadata: {name: b, labels: {app: b}}
`;
const policy = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: b}
spec:
  endpointSelector: {matchLabels: {app: b}}
  ingress:
  - fromEndpoints: [{matchLabels: {app: a}}]
    toPorts: [{ports: [{port: "7000", protocol: TCP}, {port: "7000", protocol: UDP}]}]
`;

/** Of tests/scenarios/helpers/stream.ts. */
type StreamReport = Readonly<Record<"connection" | "connects" | "datagrams", { sent: number; answered: number }>>;

let node: AgentNode;
let agent: ChildProcess;
/** The pod that is there to the end. */
let left: "a" | "b" = "b";
const ips: Record<"a" | "b", string[]> = { a: [], b: [] };

before(async () => {
  node = new AgentNode();
  node.writeManifest("pods.yaml", pods);
  ({ child: agent } = await node.startAgent());
});

after(async () => await node?.close());

const endpointOf = async (pod: string) => await node.client.getEndpoint(`pod-name:default:${pod}`);
const questions = (pod: "a" | "b") =>
  ips[pod].flatMap((ip) => [
    { protocol: "TCP", ip, port: 7000 },
    { protocol: "TCP", ip, port: 7001 },
    { protocol: "UDP", ip, port: 7000 },
    { protocol: "ICMP", ip },
  ]);

/** What must be the same after a restart. */
async function identityCard() {
  const endpoints = await node.client.listEndpoints();
  const rows = endpoints.map(({ id, status }) => ({ id, state: status.state, identity: status.identity?.id }));
  return { endpoints: rows, stored: rows.map(({ id }) => node.stored(id)), ...node.kernel() };
}

async function endpointsAreReady(count: number): Promise<void> {
  await node.until("endpoints are ready", async () => {
    const endpoints = await node.client.listEndpoints();
    return endpoints.length === count && endpoints.every(({ status }) => status.state === "ready");
  });
}

/** Steady traffic from a to b over both families. */
async function streams() {
  const running = ips.b.map((ip) => node.workload("a", "stream", ip));
  await Promise.all(running.map(({ stdout }) => (stdout === null ? undefined : once(stdout, "readable"))));
  return async () => {
    const reports = await Promise.all(
      running.map(async (child) => {
        child.kill("SIGTERM");
        return JSON.parse(child.stdout === null ? "" : await text(child.stdout)) as StreamReport;
      }),
    );
    for (const { connection, connects, datagrams } of reports) {
      assert.ok(connection.sent > 5 && connects.sent > 5, `too little traffic to tell: ${JSON.stringify(reports)}`);
      assert.equal(connection.answered, connection.sent);
      assert.equal(connects.answered, connects.sent);
      assert.equal(datagrams.answered, datagrams.sent);
    }
  };
}

test("pods added at the same time are ready when the plugin returns, and reach each other", async () => {
  const [a, b] = await Promise.all([node.cni("ADD", "a"), node.cni("ADD", "b")]);
  for (const [pod, result] of [
    ["a", a],
    ["b", b],
  ] as const) {
    ips[pod] = result.ips.map(({ address }) => address.split("/")[0] ?? "");
    assert.equal(ips[pod].length, 2);
    assert.equal((await endpointOf(pod)).status.state, "ready");
    node.workload(pod, "echo");
  }
  await node.until("workloads answer", async () => {
    return [...(await node.probe("a", questions("b"))), ...(await node.probe("b", questions("a")))].every(Boolean);
  });
});

test("a policy in the folder is in force soon, for both families", async () => {
  node.writeManifest("policy.yaml", policy);
  await node.until("ingress of b is enforced", async () => {
    return (await endpointOf("b")).status.policy?.realized?.["policy-enabled"] === "ingress";
  });
  await endpointsAreReady(2);
  assert.deepEqual(await node.probe("a", questions("b")), [true, false, true, false, true, false, true, false]);
  assert.ok((await node.probe("b", questions("a"))).every(Boolean));
});

test("the agent's audit mode lets what is denied pass while it is on", async () => {
  const shown = async () => (await node.client.getConfig()).status?.realized?.options?.["PolicyAuditMode"];
  await node.client.patchConfig({ options: { PolicyAuditMode: "enable" } });
  await node.until("everything passes", async () => (await node.probe("a", questions("b"))).every(Boolean));
  assert.equal(await shown(), "Enabled");
  assert.equal((await endpointOf("b")).status.policy?.realized?.["policy-enabled"], "audit-ingress");
  await node.client.patchConfig({ options: { PolicyAuditMode: "disable" } });
  await node.until("what is denied is dropped", async () => !(await node.probe("a", questions("b")))[1]);
  assert.equal(await shown(), "Disabled");
  await endpointsAreReady(2);
});

test("a second agent on the state folder is refused, the first goes on", async () => {
  const second = await node.run("node", node.agentCommand());
  assert.equal(second.code, 1);
  assert.match(second.stderr, new RegExp(`^Error: .*pid ${agent.pid} runs on "${node.stateDir}" already.*$`, "m"));
  assert.equal((await node.client.listEndpoints()).length, 2);
});

test("kill -9 and a new start lose no packet; ids, identities, sets and revisions stay", async (t) => {
  const card = await identityCard();
  const stop = await streams();
  await sleep(300);
  await node.end(agent, "SIGKILL");
  await sleep(300);
  const { child, ms } = await node.startAgent();
  agent = child;
  t.diagnostic(`Ready again after ${Math.round(ms)} ms`);
  await endpointsAreReady(2);
  await sleep(300);
  await stop();
  assert.deepEqual(await identityCard(), card);
});

test("SIGTERM ends the agent with 0, and what it set up stays", async () => {
  assert.equal(await node.end(agent, "SIGTERM"), 0);
  assert.deepEqual(
    readdirSync(node.stateDir).filter((name) => name.startsWith("cilium.pid")),
    [],
  );
  assert.deepEqual(await node.probe("a", questions("b")), [true, false, true, false, true, false, true, false]);
});

test("a pod deleted while the agent was away goes with its next start, the other keeps its identity", async () => {
  // Without a memory the one that stays would get the other's number.
  const [gone, kept] = node.kernel().slots.sort((x, y) => x.identity - y.identity);
  assert.ok(gone?.ipv4 !== undefined && kept !== undefined);
  const name = ips.a.includes(gone.ipv4) ? "a" : "b";
  left = name === "a" ? "b" : "a";
  await node.cni("DEL", name);
  assert.equal(node.kernel().slots.length, 2);
  ({ child: agent } = await node.startAgent());
  await endpointsAreReady(1);
  await node.until("the kernel forgot it", async () => node.kernel().slots.length === 1);
  assert.equal((await endpointOf(left)).status.identity?.id, kept.identity);
  assert.equal(node.kernel().slots[0]?.identity, kept.identity);
  assert.ok(!node.kernel().addresses.some(({ address }) => ips[name].includes(address)));
  assert.ok(!existsSync(join(node.stateDir, "state", String(gone.id))));
});

test("SIGTERM while the agent starts ends it with 0", async () => {
  assert.equal(await node.end(agent, "SIGTERM"), 0);
  const starting = node.spawn("node", node.agentCommand());
  let log = "";
  starting.stderr?.on("data", (chunk) => {
    log += chunk;
  });
  await node.until("it starts", async () => log.includes("Module started"));
  assert.equal(await node.end(starting, "SIGTERM"), 0, log);
  ({ child: agent } = await node.startAgent());
});

test("the last DEL leaves only the node's own addresses in the kernel", async () => {
  for (let i = 0; i < 2; i++) await node.cni("DEL", left);
  const { slots, addresses } = node.kernel();
  assert.deepEqual([slots, addresses.filter(({ host }) => !host)], [[], []]);
  // Sets go when no program can be reading them any more.
  await node.until("the policy is gone", async () => node.kernel().policy.length === 0);
  assert.deepEqual(readdirSync(join(node.bpfRoot, "cilium", "endpoints")), []);
  assert.deepEqual(readdirSync(join(node.stateDir, "state")), ["agent-runtime-config.json"]);
  assert.deepEqual(await node.client.listEndpoints(), []);
});
