// SPDX-License-Identifier: Apache-2.0
// The ways packets take to pods, one after the other on the same nodes: each by a restart, with the pods that are there.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { agentClient, nodeOf, sandboxPaths } from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { Rtnetlink } from "../../src/kernel/index.ts";
import { clientPod, echoPod, type Reporter, Scenario } from "./harness.ts";
import type { HoldReport } from "./helpers/hold.ts";
import type { Probe } from "./helpers/probe.ts";

const policy = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: guarded}
spec: {endpointSelector: {matchLabels: {app: echo}}, ingress: [{fromEndpoints: [{matchLabels: {who: friend}}]}]}
`;
/** Nodes take friends and each other, and send to all but strangers. */
const hostPolicy = `
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: nodes}
spec:
  nodeSelector: {}
  ingress: [{fromEndpoints: [{matchLabels: {who: friend}}]}, {fromEntities: [remote-node, health]}]
  egress: [{toEndpoints: [{matchLabels: {who: friend}}]}, {toEntities: [world, remote-node, health]}]
`;
const firewall = { "enable-host-firewall": "true" };
const noFirewall = { "enable-host-firewall": "false" };
const endpointRoutes = { "enable-endpoint-routes": "true" };
const nodes = ["node1", "node2"] as const;
const families = [4, 6] as const;

let scenario: Scenario;
let held: Reporter<HoldReport>;

before(async () => {
  scenario = await Scenario.create("modes", { settings: firewall });
  const clients = ["friend", "stranger"].map((who) => clientPod(who, "node1", { who }));
  const echos = nodes.map((node) => echoPod(`echo-${node}`, node, { app: "echo" }));
  await scenario.apply([...clients, ...echos].join(""));
  await scenario.apply(policy);
  held = scenario.hold("friend", scenario.ip("echo-node2", 4));
  await held.flowing;
});
after(async () => await scenario?.delete());

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

function pings(ip: (family: 4 | 6) => string): readonly Probe[] {
  return families.map((family) => ({ protocol: "ICMP", ip: ip(family) }));
}

function nodeIp(node: string, family: 4 | 6): string {
  const { ipv4 = "", ipv6 = "" } = nodeOf(scenario.sandbox, node);
  return family === 4 ? ipv4 : ipv6;
}

/** Its cilium_host's: pods of other nodes come to it as themselves in every mode. */
function routerIp(node: string, family: 4 | 6): string {
  const { ipv4PodCidr = "", ipv6PodCidr = "" } = nodeOf(scenario.sandbox, node);
  return family === 4 ? ipv4PodCidr.replace(/0\/\d+$/, "1") : ipv6PodCidr.replace(/\/\d+$/, "1");
}

/** Nobody has it on node1. */
const deadIp = (family: 4 | 6) => scenario.ip("friend", family).replace(/[.:][^.:]*$/, family === 4 ? ".250" : ":eeee");

/** These nodes are told at once that there is no way to a pod of node1 that is gone. */
async function assertNoWay(from: readonly string[]): Promise<void> {
  const asked = from.flatMap((node) => families.map((family) => [node, deadIp(family)] as const));
  const answers = asked.map(async ([node, ip]) => {
    const { stdout, stderr } = await scenario.onNode(node, ["ping", "-n", "-c", "1", "-w", "60", ip]);
    return `${node} to ${ip}: ${stdout}${stderr}`;
  });
  for (const answer of await Promise.all(answers)) assert.match(answer, /unreachable|No route/i);
}

/** Pods to their own node and to another one, the outside to nodes, nodes to pods. */
async function assertHostPolicy(): Promise<void> {
  const toNodes = [...pings((family) => nodeIp("node1", family)), ...pings((family) => routerIp("node2", family))];
  const fromOutside = nodes.flatMap((node) => pings((family) => nodeIp(node, family)));
  await eventually(
    "the end of answers to strangers",
    async () => !(await scenario.probe("stranger", toNodes)).includes(true),
  );
  const fromNodes = nodes.flatMap((node) =>
    ["friend", "stranger"].map((pod) =>
      scenario.probeFromNode(
        node,
        pings((family) => scenario.ip(pod, family)),
      ),
    ),
  );
  const toNode = ["friend", "stranger"].map((pod) => scenario.probe(pod, toNodes));
  const reached = await Promise.all([...toNode, scenario.probeFromOutside(fromOutside), ...fromNodes]);
  const each = [true, false, false, true, false, true, false];
  assert.deepEqual(
    reached,
    each.map((answer, i) => (i < 3 ? toNodes : families).map(() => answer)),
  );
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
  const fromNode = pings((family) => scenario.ip("friend", family));
  assert.deepEqual(await scenario.probeFromNode("node1", fromNode), [true, true]);
  assert.deepEqual(await scenario.probeFromNode("node2", fromNode), [true, true]);
}

test("native routing: routes over the nodes themselves, no tunnel any more, the same policy", async () => {
  await scenario.restart({ ...noFirewall, "routing-mode": "native", "auto-direct-node-routes": "true" });
  await eventually("routes over the other node", () => ways("node2").join() === "eth0,eth0");
  assert.deepEqual(onNode1().tunnels, []);
  assert.deepEqual(ways("node1"), ["cilium_host", "cilium_host"]);
  assert.deepEqual(await status(), ["Native", "tcx"]);
  await assertTraffic();
});

test("native routing with endpoint routes, on filters: each pod has routes of its own", async () => {
  const settings = { "routing-mode": "native", "auto-direct-node-routes": "true" };
  await scenario.restart({ ...settings, ...endpointRoutes, "enable-tcx": "false" });
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
  await assertNoWay(nodes);
  await scenario.apply(hostPolicy);
  await assertHostPolicy();
});

test("the tunnel again, with endpoint routes: no routes over nodes any more", async () => {
  await scenario.restart(endpointRoutes);
  await eventually("routes into the tunnel", () => ways("node2").join() === "cilium_host,cilium_host");
  assert.deepEqual(onNode1().tunnels, ["cilium_vxlan"]);
  assert.deepEqual(await status(), ["Tunnel", "tcx"]);
  await assertTraffic();
  await assertNoWay(["node1"]);
  await assertHostPolicy();
  await scenario.remove(hostPolicy);
});

test("as at first: no routes of single pods any more, and a connection that was there all the time", async () => {
  await scenario.restart(noFirewall);
  await eventually("the route for all", () => ways("node1").join() === "cilium_host,cilium_host");
  await eventually("the end of pods' routes", () => routed() === 0);
  await assertTraffic();
  assert.deepEqual(await held.stop(), { echo: "still here" });
});
