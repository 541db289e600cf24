// SPDX-License-Identifier: Apache-2.0
// Policy and visibility on interfaces that other plugins made: Debian's ptp and bridge, and flannel's layout.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { killAgent, nodeOf, sandboxPaths, startAgent, waitForAgent } from "../../apps/sandbox/index.ts";
import { writeSysctl } from "../../src/kernel/index.ts";
import { Scenario } from "../scenarios/harness.ts";
import { delegated, startFlannel } from "./flannel.ts";
import { assertNothingLeft, assertPolicy, devices, policies, probe, serve, stream } from "./lab.ts";
import { ciliumPlugin, Network } from "./network.ts";

const folder = mkdtempSync(join(tmpdir(), "chaining-"));
let scenario: Scenario;

before(async () => {
  const settings = { "cni-chaining-mode": "generic-veth", "routing-mode": "native" };
  scenario = await Scenario.create("chain", { settings });
  await scenario.apply(policies);
  // The plugins wait for the end of the detection.
  for (const { name } of scenario.sandbox.nodes) {
    writeSysctl("net/ipv6/conf/default/accept_dad", 0, sandboxPaths(scenario.name).node(name).netns);
  }
});
after(async () => {
  await scenario?.delete();
  rmSync(folder, { recursive: true });
});

function hostLocal(prefix4: string, prefix6: string) {
  const ranges = [[{ subnet: `${prefix4}.0/24` }], [{ subnet: `${prefix6}::/64` }]];
  return { type: "host-local", dataDir: folder, ranges, routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }] };
}

test("ptp: policy holds, the node reaches and is reached, and nothing is left", async (t) => {
  const plugins = [
    { type: "ptp", ipam: hostLocal("10.66.1", "fd00:66:1") },
    ciliumPlugin(scenario, "node1", { "chaining-mode": "generic-veth" }),
  ];
  const before = devices(scenario, "node1");
  const network = new Network(scenario, "node1", { name: "ptp", plugins });
  t.after(() => network.stop());
  const web = await network.add("web", { app: "web" });
  const client = await network.add("client", { app: "client" });
  const other = await network.add("other", {});
  assert.deepEqual(web.result.interfaces?.at(-1)?.name, "eth0");
  await using _server = serve(network, web);
  await assertPolicy(scenario, [network, web], [network, client, other], "node1");
  const gateways = (client.result.ips ?? []).map(({ gateway = "" }) => ({ protocol: "ICMP" as const, ip: gateway }));
  assert.deepEqual(await probe(network, client, gateways), [true, true]);
  assert.deepEqual(
    await probe(
      network,
      client,
      other.ips.map((ip) => ({ protocol: "ICMP", ip })),
    ),
    [false, false],
  );
  await network.check(web);
  const { stdout } = await scenario.onNode("node1", ["cilium-dbg", "status"]);
  assert.match(stdout, /^CNI Chaining:\s+generic-veth$/m);
  await network.deleteAll();
  await assertNothingLeft(scenario, "node1");
  assert.deepEqual(devices(scenario, "node1"), before);
});

test("bridge: policy holds between ports of one bridge, also while the agent is away and comes back", async (t) => {
  const bridge = { type: "bridge", bridge: "cni-test0", isGateway: true, hairpinMode: true };
  // The agent's configuration says the mode.
  const plugins = [{ ...bridge, ipam: hostLocal("10.66.2", "fd00:66:2") }, ciliumPlugin(scenario, "node1")];
  const network = new Network(scenario, "node1", { cniVersion: "0.4.0", name: "bridged", plugins });
  t.after(() => network.stop());
  const web = await network.add("web", { app: "web" });
  const client = await network.add("client", { app: "client" });
  const other = await network.add("other", {});
  await using _server = serve(network, web);
  await assertPolicy(scenario, [network, web], [network, client, other], "node1");
  const lost = await stream(network, client, web.ips[0] ?? "");
  const node = nodeOf(scenario.sandbox, "node1");
  await killAgent(scenario.sandbox, node);
  startAgent(scenario.sandbox, node);
  await waitForAgent(scenario.sandbox, node);
  await assertPolicy(scenario, [network, web], [network, client, other], "node1");
  await network.check(web);
  const { connection, connects } = await lost();
  assert.deepEqual({ connection, connects }, { connection: 0, connects: 0 });
  await network.deleteAll();
  await assertNothingLeft(scenario, "node1");
});

test("flannel's layout, dual stack: identities hold across nodes by addresses, since its tunnel carries none", async (t) => {
  await startFlannel(scenario);
  const [one, two] = scenario.sandbox.nodes.map((node) => {
    const plugins = [delegated(node, folder), ciliumPlugin(scenario, node.name, { "chaining-mode": "flannel" })];
    return new Network(scenario, node.name, { cniVersion: "0.3.1", name: `cbr${node.index}`, plugins });
  });
  assert.ok(one && two);
  t.after(() => {
    for (const network of [one, two]) network.stop();
  });
  const web = await one.add("web", { app: "web" });
  const client = await two.add("client", { app: "client" });
  const other = await two.add("other", {});
  await using _server = serve(one, web);
  assert.deepEqual([web.ips.length, client.ips.length], [2, 2]);
  await assertPolicy(scenario, [one, web], [two, client, other], "node1");
  for (const network of [one, two]) await network.deleteAll();
  for (const { name } of scenario.sandbox.nodes) await assertNothingLeft(scenario, name);
});
