// SPDX-License-Identifier: Apache-2.0
// What traffic sees when agents are killed, etcd is gone, and policies change under established connections.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  agentClient,
  etcdProcess,
  killAgent,
  killEtcd,
  nodeOf,
  startAgent,
  startEtcd,
  waitForAgent,
  waitForEtcd,
} from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { clientPod, echoPod, Scenario } from "./harness.ts";

const closed = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: closed}
spec:
  endpointSelector: {matchLabels: {app: echo}}
  ingress: [{fromEndpoints: [{matchLabels: {app: nobody}}]}]
`;

let scenario: Scenario;

before(async () => {
  scenario = await Scenario.create("life");
  const echos = ["node1", "node2"].map((node) => echoPod(`echo-${node}`, node, { app: "echo" }));
  await scenario.apply([clientPod("client", "node1", { app: "client" }), ...echos].join(""));
});

after(async () => await scenario?.delete());

/** Traffic to both echo pods, over IPv4 to the same node and IPv6 to the other. */
async function startStreams(): Promise<{ stop: () => Promise<ReportOf[]> }> {
  const streams = [
    scenario.stream("client", scenario.ip("echo-node1", 4)),
    scenario.stream("client", scenario.ip("echo-node2", 6)),
  ];
  await Promise.all(streams.map((stream) => stream.flowing));
  return { stop: () => Promise.all(streams.map((stream) => stream.stop())) };
}
type ReportOf = Awaited<ReturnType<ReturnType<Scenario["stream"]>["stop"]>>;

function assertNothingLost(reports: readonly ReportOf[]): void {
  for (const { connection, connects, datagrams } of reports) {
    // How much is sent depends on the machine's load; that it went on all the time shows in the gap.
    assert.ok(connection.sent > 5 && connects.sent > 5, `too little traffic to tell: ${JSON.stringify(reports)}`);
    assert.equal(connection.answered, connection.sent);
    assert.equal(connects.answered, connects.sent);
    assert.equal(datagrams.answered, datagrams.sent);
  }
}

test("kill -9 of the agents loses no packet, and starting them again neither", async () => {
  const streams = await startStreams();
  await sleep(500);
  for (const name of ["node1", "node2"]) assert.ok(await killAgent(scenario.sandbox, nodeOf(scenario.sandbox, name)));
  await sleep(700);
  for (const node of scenario.sandbox.nodes) startAgent(scenario.sandbox, node);
  await Promise.all(scenario.sandbox.nodes.map((node) => waitForAgent(scenario.sandbox, node)));
  await sleep(700);
  assertNothingLost(await streams.stop());
});

test("without etcd traffic goes on and the status says so; with it again, new pods are known everywhere", async () => {
  const { sandbox } = scenario;
  const client = agentClient(sandbox, nodeOf(sandbox, "node1"));
  assert.equal((await client.healthz()).kvstore?.state, "Ok");
  const streams = await startStreams();
  await sleep(300);
  assert.ok(killEtcd(sandbox));
  const state = async () => (await client.healthz()).kvstore?.state;
  await eventually("news of the kvstore's end in the status", async () => (await state()) !== "Ok");
  await sleep(500);
  await waitForEtcd(sandbox, startEtcd(sandbox));
  assert.ok(etcdProcess(sandbox));
  await eventually("a kvstore that is well again", async () => (await state()) === "Ok");
  assertNothingLost(await streams.stop());
  await scenario.apply(clientPod("late", "node2", { app: "late" }));
  const late = { protocol: "ICMP", ip: scenario.ip("late", 6) } as const;
  await eventually("a way to the new pod", async () => (await scenario.probe("client", [late]))[0] === true);
});

test("a new deny cuts established connections, and taking it away lets new ones through", async () => {
  const streams = await startStreams();
  await sleep(500);
  await scenario.apply(closed);
  const probes = [4, 6].map((family) => ({
    protocol: "TCP" as const,
    ip: scenario.ip("echo-node2", family as 4 | 6),
    port: 7000,
  }));
  assert.deepEqual(await scenario.probe("client", probes), [false, false]);
  for (const { connection } of await streams.stop()) {
    assert.ok(connection.answered > 0, "nothing was answered before the policy");
    assert.ok(connection.answered < connection.sent, "the connection went on under the policy");
  }
  await scenario.remove(closed);
  assert.deepEqual(await scenario.probe("client", probes), [true, true]);
});
