// SPDX-License-Identifier: Apache-2.0
// The ways packets take to pods, one after the other on the same nodes: each by a restart, with the pods that are there.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  agentClient,
  killAgent,
  podCommand,
  sandboxPaths,
  startAgent,
  waitForAgent,
} from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { Rtnetlink } from "../../src/kernel/index.ts";
import { clientPod, echoPod, type Reporter, Scenario, startReporter } from "./harness.ts";
import type { Probe } from "./helpers/probe.ts";

const policy = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: guarded}
spec: {endpointSelector: {matchLabels: {app: echo}}, ingress: [{fromEndpoints: [{matchLabels: {who: friend}}]}]}
`;
/** A connection that lives all the time; at its end it asks once more. */
const holder = `
  const socket = require("node:net").connect(7000, process.argv[1], () => process.stdout.write("\\n"));
  const say = (what) => { console.log(JSON.stringify(what)); process.exit(); };
  socket.on("error", ({ code }) => say({ error: code }));
  process.once("SIGTERM", () => {
    socket.once("data", (data) => say({ echo: String(data) }));
    socket.write("still here");
  });`;
const nodes = ["node1", "node2"] as const;

let scenario: Scenario;
let held: Reporter<{ readonly echo?: string; readonly error?: string }>;

before(async () => {
  scenario = await Scenario.create("modes");
  const clients = ["friend", "stranger"].map((who) => clientPod(who, "node1", { who }));
  const echos = nodes.map((node) => echoPod(`echo-${node}`, node, { app: "echo" }));
  await scenario.apply([...clients, ...echos].join(""));
  await scenario.apply(policy);
  const command = [process.execPath, "-e", holder, scenario.ip("echo-node2", 4)];
  held = startReporter(podCommand(scenario.sandbox, "default", "friend", command));
  await held.flowing;
});
after(async () => await scenario?.delete());

/** Ends both agents without a chance to tidy up, and starts them with these settings. */
async function restart(settings: Readonly<Record<string, string>>): Promise<void> {
  const { sandbox } = scenario;
  for (const node of sandbox.nodes) await killAgent(sandbox, node);
  for (const node of sandbox.nodes) startAgent({ ...sandbox, settings }, node);
  await Promise.all(sandbox.nodes.map((node) => waitForAgent(sandbox, node)));
}

/** What node1 has in the kernel: tunnel devices, and where each of our routes leads. */
function onNode1() {
  using rtnl = new Rtnetlink({ netns: sandboxPaths(scenario.name).node("node1").netns });
  const links = rtnl.links();
  const name = (ifindex?: number) =>
    links.find((link) => link.ifindex === ifindex)?.name.replace(/^lxc.*/, "lxc") ?? "";
  const routes = rtnl
    .routes({ table: 254 })
    .filter(({ protocol, type, destination }) => protocol === 2 && type === "unicast" && !/^f[ef]/.test(destination))
    .map(({ destination, ifindex, gateway }) => ({ destination, device: name(ifindex), gateway }));
  return { tunnels: links.map((link) => link.name).filter((link) => /^cilium_(vxlan|geneve)$/.test(link)), routes };
}

/** Devices that lead to pod CIDRs of a node and to single pods of node1. */
function ways(node: "node1" | "node2") {
  const { ipv4PodCidr, ipv6PodCidr } = scenario.sandbox.nodes.find(({ name }) => name === node) ?? {};
  const { routes } = onNode1();
  return routes
    .filter(({ destination }) => [ipv4PodCidr, ipv6PodCidr].includes(destination))
    .map(({ device }) => device);
}

/** Pods of node1 that have a route of their own. */
const routed = () => onNode1().routes.filter(({ device }) => device === "lxc").length;

async function status() {
  const [node] = scenario.sandbox.nodes;
  assert.ok(node);
  const { routing, ...rest } = await agentClient(scenario.sandbox, node).healthz({});
  return [routing?.["inter-host-routing-mode"], rest["attach-mode"]];
}

/** Both families, same and other node, over three protocols: as policy says. */
async function assertTraffic(): Promise<void> {
  const ips = nodes.flatMap((node) => ([4, 6] as const).map((family) => scenario.ip(`echo-${node}`, family)));
  const probes = ips.flatMap((ip): Probe[] => [
    { protocol: "TCP", ip, port: 7000 },
    { protocol: "UDP", ip, port: 7000 },
    { protocol: "ICMP", ip },
  ]);
  await eventually("answers to friends", async () => (await scenario.probe("friend", probes)).every(Boolean));
  assert.deepEqual(
    await scenario.probe("stranger", probes),
    probes.map(() => false),
  );
  const fromNode: Probe[] = ([4, 6] as const).map((family) => ({
    protocol: "ICMP",
    ip: scenario.ip("friend", family),
  }));
  assert.deepEqual(await scenario.probeFromNode("node1", fromNode), [true, true]);
  assert.deepEqual(await scenario.probeFromNode("node2", fromNode), [true, true]);
}

test("native routing: routes over the nodes themselves, no tunnel any more, the same policy", async () => {
  await restart({ "routing-mode": "native", "auto-direct-node-routes": "true" });
  await eventually("routes over the other node", () => ways("node2").join() === "eth0,eth0");
  assert.deepEqual(onNode1().tunnels, []);
  assert.deepEqual(ways("node1"), ["cilium_host", "cilium_host"]);
  assert.deepEqual(await status(), ["Native", "tcx"]);
  await assertTraffic();
});

test("native routing with endpoint routes, on filters: each pod has routes of its own", async () => {
  const settings = { "routing-mode": "native", "auto-direct-node-routes": "true" };
  await restart({ ...settings, "enable-endpoint-routes": "true", "enable-tcx": "false" });
  await eventually("the end of the route for all", () => ways("node1").length === 0);
  assert.deepEqual(await status(), ["Native", "tc"]);
  const pods = scenario.pods().filter(({ node }) => node === "node1");
  await eventually("routes", () => routed() >= 2 * pods.length);
  await assertTraffic();
  const before = routed();
  await scenario.apply(clientPod("late", "node1", { who: "friend" }));
  assert.equal(routed(), before + 2);
  await scenario.remove(clientPod("late", "node1", { who: "friend" }));
  assert.equal(routed(), before);
});

test("the tunnel again, with endpoint routes: no routes over nodes any more", async () => {
  await restart({ "enable-endpoint-routes": "true" });
  await eventually("routes into the tunnel", () => ways("node2").join() === "cilium_host,cilium_host");
  assert.deepEqual(onNode1().tunnels, ["cilium_vxlan"]);
  assert.deepEqual(await status(), ["Tunnel", "tcx"]);
  await assertTraffic();
});

test("as at first: no routes of single pods any more, and a connection that was there all the time", async () => {
  await restart({});
  await eventually("the route for all", () => ways("node1").join() === "cilium_host,cilium_host");
  await eventually("the end of pods' routes", () => routed() === 0);
  await assertTraffic();
  assert.deepEqual(await held.stop(), { echo: "still here" });
});
