// SPDX-License-Identifier: Apache-2.0
// Runs inside of the virtual machine: two nodes, pods by the CNI plugin, and what has to hold on any kernel. Prints each
// step when it is done; ends with an error at the first that does not hold.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { agentClient, nodeOf, type Sandbox, sandboxPaths } from "../../apps/sandbox/index.ts";
import type { StatusResponse } from "../../src/api/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { probeFeature } from "../../src/kernel/index.ts";
import { Scenario } from "../scenarios/harness.ts";

const policy = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: guarded}
spec: {endpointSelector: {matchLabels: {app: echo}}, ingress: [{fromEndpoints: [{matchLabels: {who: friend}}]}]}
`;
const nodes = ["node1", "node2"] as const;
const patience = 180_000;
const started = performance.now();

function pod(name: string, node: string, labels: Readonly<Record<string, string>>, command: readonly string[]): string {
  const spec = { nodeName: node, terminationGracePeriodSeconds: 0, containers: [{ name: "main", command }] };
  return `---\n${JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name, labels }, spec })}\n`;
}

function step(what: string): void {
  process.stdout.write(`smoke: ${((performance.now() - started) / 1000).toFixed(1)} s: ${what}\n`);
}

/** Which questions of a pod are answered: TCP and ICMP, both families, to the echo pods of both nodes. */
async function answers(scenario: Scenario, from: string): Promise<readonly boolean[]> {
  const ips = nodes.flatMap((node) => ([4, 6] as const).map((family) => scenario.ip(`echo-${node}`, family)));
  const ask = ips.flatMap((ip) => [
    `echo hello | socat -T 10 - TCP:${ip.includes(":") ? `[${ip}]` : ip}:7000,connect-timeout=4 2>&1 | grep -q hello`,
    `ping -n -c 1 -W 4 ${ip} >/dev/null`,
  ]);
  const all = ask.map((command, i) => `(${command} && echo ${i}) &`).join("\n");
  const { stdout } = await scenario.exec(from, ["sh", "-c", `${all}\nwait`]);
  const answered = new Set(stdout.trim().split("\n"));
  return ask.map((_, i) => answered.has(String(i)));
}

async function assertTraffic(scenario: Scenario, what: string): Promise<void> {
  await eventually(
    `${what}: answers to friends`,
    async () => (await answers(scenario, "friend")).every(Boolean),
    patience,
  );
  assert.deepEqual([...new Set(await answers(scenario, "stranger"))], [false], `${what}: strangers`);
  step(what);
}

/** What this kernel lacks is told in the list of all probes, in the status, and in one line of the log. */
async function assertFeatures(sandbox: Sandbox, status: StatusResponse): Promise<void> {
  const { features } = await agentClient(sandbox, nodeOf(sandbox, "node1")).features();
  const told = (name: string) => {
    const { available, "min-kernel": kernel, config } = features.find((feature) => feature.name === name) ?? {};
    return [available, kernel, config];
  };
  assert.deepEqual(told("tcx"), [false, "6.6", "CONFIG_NET_XGRESS"]);
  assert.deepEqual(told("geneve"), [true, "4.2", "CONFIG_GENEVE"]);
  assert.match(status["missing-features"]?.find(({ name }) => name === "tcx")?.fallback ?? "", /clsact filters/);
  const log = () => readFileSync(sandboxPaths(sandbox.name).node("node1").agentLog, "utf8");
  const line = /Features that this kernel lacks.* used="tcx \(6\.6, CONFIG_NET_XGRESS\)/;
  await eventually("the line about missing features", async () => line.test(log()), patience);
}

async function smoke(scenario: Scenario): Promise<void> {
  const { sandbox } = scenario;
  const devices = async () => (await scenario.onNode("node1", ["ip", "-o", "link"])).stdout;
  const filters = async (device: string) => {
    const { stdout } = await scenario.onNode("node1", ["tc", "filter", "show", "dev", device, "egress"]);
    return /\bcil_\w+/.exec(stdout)?.[0];
  };
  const status = await agentClient(sandbox, nodeOf(sandbox, "node1")).healthz({});
  assert.equal(status["attach-mode"], "tc");
  await assertFeatures(sandbox, status);
  assert.equal(await filters("cilium_host"), "cil_from_host");

  const clients = ["friend", "stranger"].map((who) => pod(who, "node1", { who }, ["sleep", "infinity"]));
  const server = ["socat", "TCP6-LISTEN:7000,ipv6only=0,fork,reuseaddr", "EXEC:cat"];
  const echos = nodes.map((node) => pod(`echo-${node}`, node, { app: "echo" }, server));
  await scenario.apply([...clients, ...echos].join(""));
  await scenario.apply(policy);
  await assertTraffic(scenario, "VXLAN");

  await scenario.restart({}, ["node1"]);
  assert.equal(await filters("cilium_vxlan"), "cil_to_overlay");
  await assertTraffic(scenario, "an agent killed and started again");

  const held = scenario.hold("friend", scenario.ip("echo-node2", 4));
  await held.flowing;

  await scenario.restart({ "routing-mode": "native", "auto-direct-node-routes": "true" });
  await assertTraffic(scenario, "native routing");
  assert.doesNotMatch(await devices(), /cilium_vxlan/);

  // Both tunnels with one UDP port: one device has to go before the other one is up.
  const port = { "tunnel-port": "8472" };
  await scenario.restart(port);
  await assertTraffic(scenario, "VXLAN again");
  await scenario.restart({ ...port, "tunnel-protocol": "geneve" });
  await assertTraffic(scenario, "Geneve");
  assert.match(await devices(), /cilium_geneve/);
  assert.doesNotMatch(await devices(), /cilium_vxlan/);
  assert.deepEqual(await held.stop(), { echo: "still here" });
}

assert.equal(probeFeature("tcx").available, false, "this kernel has tcx: nothing old is tested");
// Probing costs an emulated machine more than it tells.
const settings = { "enable-health-checking": "false" };
const scenario = await Scenario.create("vm", { settings });
step("two nodes");
try {
  await smoke(scenario);
} finally {
  await scenario.delete();
}
step("deleted");
