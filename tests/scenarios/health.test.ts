// SPDX-License-Identifier: Apache-2.0
// Nodes probe each other, and a path that is cut in one direction is named.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { killAgent, nodeOf, sandboxPaths, startAgent, waitForAgent } from "../../apps/sandbox/index.ts";
import type { Endpoint, HealthStatusResponse } from "../../src/api/index.ts";
import { Rtnetlink } from "../../src/kernel/index.ts";
import { clientPod, echoPod, Scenario } from "./harness.ts";

let scenario: Scenario;
before(async () => {
  scenario = await Scenario.create("health");
});
after(async () => await scenario?.delete());

async function health(node: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await scenario.onNode(node, ["cilium-health", "status", ...args]);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Asks until the answer fits; a minute is many rounds of probes. */
async function eventually(node: string, expected: RegExp, ...args: readonly string[]): Promise<void> {
  let last = "";
  for (let turn = 0; turn < 120; turn++) {
    last = await health(node, ...args);
    if (expected.test(last)) return;
    await sleep(500);
  }
  assert.match(last, expected);
}

test("every node reaches every other one and its health endpoint over both families", async () => {
  for (const node of ["node1", "node2"]) await eventually(node, /("health-endpoint"[\s\S]*){2}/, "-o", "json");
  for (const node of ["node1", "node2"]) {
    const status = JSON.parse(await health(node, "--probe", "-o", "json")) as HealthStatusResponse;
    assert.equal(status.local.name, `default/${node}`);
    assert.equal(status.nodes.length, 2);
    for (const target of status.nodes.flatMap((item) => [item.host, item["health-endpoint"]])) {
      const paths = [target?.["primary-address"], ...(target?.["secondary-addresses"] ?? [])];
      assert.equal(paths.length, 2);
      for (const path of paths) {
        for (const result of [path?.icmp, path?.http]) {
          assert.ok(result !== undefined && result.latency > 0 && result.status === "", JSON.stringify(path));
        }
      }
    }
  }
  await eventually("node1", /^Cluster health: +2\/2 reachable/);
});

test("a path that is cut is named with its problem, by probes of their own, until it works again", async () => {
  const ip = scenario.sandbox.nodes[1]?.ipv4 ?? "";
  const route = async (...args: readonly string[]) => {
    const { code, stderr } = await scenario.onNode("node1", ["ip", "route", ...args]);
    assert.equal(code, 0, stderr);
  };
  await route("add", "blackhole", `${ip}/32`);
  await eventually("node1", /^Cluster health: +1\/2 reachable[\s\S]*\n +default\/node2 .* 1\/2 /);
  const { stdout } = await scenario.onNode("node1", ["cilium", "status"]);
  assert.match(stdout, new RegExp(`default/node1 -> default/node2 \\(host ${ip.replaceAll(".", "\\.")}\\): `));
  assert.match(await health("node2"), /^Cluster health: +[12]\/2 reachable/);
  await route("del", "blackhole", `${ip}/32`);
  await eventually("node1", /^Cluster health: +2\/2 reachable/, "--probe");
});

test("a path that loses what one end sends is named with that direction, at both ends", async () => {
  const ip = scenario.sandbox.nodes[0]?.ipv4 ?? "";
  const there = (scenario.sandbox.nodes[1]?.ipv4 ?? "").replaceAll(".", "\\.");
  const rule = async (...words: readonly string[]) => {
    const { code, stderr } = await scenario.onNode("node2", ["ip", "rule", ...words]);
    assert.equal(code, 0, stderr);
  };
  const says = (node: string, expected: RegExp) =>
    until(async () => expected.test((await scenario.onNode(node, ["cilium", "status", "--verbose"])).stdout));
  // Loses what comes in, nothing that goes out; asked before the node's own addresses are looked for.
  await rule("add", "priority", "60", "lookup", "local");
  await rule("delete", "priority", "0");
  await rule("add", "priority", "50", "from", ip, "iif", "eth0", "blackhole");
  const path = `default/node1 -> default/node2 \\(host ${there}\\): ICMP`;
  await says(
    "node1",
    new RegExp(`${path} no reply within 3 s \\(only this direction: what default/node2 sends arrives`),
  );
  await says("node2", /default\/node2 -> default\/node1 \(host .*\(nothing that default\/node1 sends arrives either/);
  await rule("delete", "priority", "50");
  for (const node of ["node1", "node2"]) await eventually(node, /^Cluster health: +2\/2 reachable/, "--probe");
});

test("the health endpoint outlives its agent, and answers as soon as there is one again", async () => {
  const endpoints = async () => {
    const { stdout } = await scenario.onNode("node2", ["cilium", "endpoint", "list", "-o", "json"]);
    return (JSON.parse(stdout) as Endpoint[]).map(({ id, status }) => ({
      id,
      ...status.networking,
      labels: status.labels,
    }));
  };
  const before = await endpoints();
  assert.deepEqual(before[0]?.labels["security-relevant"], ["reserved:health"]);
  assert.equal(before[0]?.["interface-name"], "lxc_health");
  const node2 = nodeOf(scenario.sandbox, "node2");
  await killAgent(scenario.sandbox, node2);
  await eventually("node1", /^Cluster health: +1\/2 reachable[\s\S]*\n +default\/node2 .* 0\/2 +0\/2/, "--probe");
  // What is too large for the bridge's port is lost without a word: an agent that starts measures at once.
  using underlay = new Rtnetlink({ netns: sandboxPaths(scenario.name).underlayNetns });
  underlay.setLink("node1", { mtu: 1400 });
  startAgent(scenario.sandbox, node2);
  await waitForAgent(scenario.sandbox, node2);
  assert.deepEqual(await endpoints(), before);
  await eventually("node1", /^Cluster health: +2\/2 reachable/, "--probe");
});

test("a health endpoint whose device somebody takes away is made again, and probed where it is then", async () => {
  const { code, stderr } = await scenario.onNode("node2", ["ip", "link", "delete", "lxc_health"]);
  assert.equal(code, 0, stderr);
  await eventually("node1", /^Cluster health: +1\/2 reachable[\s\S]*\n +default\/node2 .* 0\/2/, "--probe");
  await eventually("node1", /^Cluster health: +2\/2 reachable/, "--probe");
});

test("a path that loses large packets is named with what passes, and pods' TCP gets through it", async () => {
  await eventually(
    "node2",
    /node1:\n(?:.*\n)*? +Path MTU: +1350, larger packets are lost \(1450 expected\)/,
    "--verbose",
  );
  const routes = async () => (await scenario.onNode("node2", ["ip", "route", "show", "dev", "cilium_host"])).stdout;
  const cidr = scenario.sandbox.nodes[0]?.ipv4PodCidr ?? "";
  await until(async () => (await routes()).includes(`${cidr} via`) && / mtu 1350/.test(await routes()));
  const { stdout } = await scenario.onNode("node2", ["cilium", "status", "--all-health"]);
  assert.match(
    stdout,
    /default\/node2 -> default\/node1 \(.*\): packets over 1[34][05]0 bytes are lost, 1[45][05]0 expected/,
  );
  await scenario.apply([echoPod("echo", "node1", {}), clientPod("client", "node2", {})].join("---\n"));
  for (const family of [4, 6] as const) {
    const { code, stderr } = await scenario.exec("client", [process.execPath, "-e", bulk, scenario.ip("echo", family)]);
    assert.equal(code, 0, `IPv${family}: ${stderr}`);
  }
});

/** Sends 100 kB to the echo server and waits until all of it is back; `collect()` gives it 30 s. */
const bulk = `
const socket = require("node:net").connect(7000, process.argv[1]);
let left = 100_000;
socket.on("data", (data) => (left -= data.length) === 0 && process.exit(0));
socket.on("error", (error) => { throw error; });
socket.write(Buffer.alloc(left));
`;

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 120 && !(await condition()); turn++) await sleep(500);
  assert.ok(await condition());
}
