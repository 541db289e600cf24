// SPDX-License-Identifier: Apache-2.0
// Runs inside of the virtual machine, whose kernel has ipvlan: two nodes with native routing, whose pods are slaves of
// eth0. Prints each step when it is done; ends with an error at the first that does not hold.
import assert from "node:assert/strict";
import { agentClient, killAgent, nodeCommand, nodeOf, sandboxPaths, spawnIn } from "../../apps/sandbox/index.ts";
import { parseIp } from "../../src/core/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { ipFrame, udp } from "../datapath/packet.ts";
import { Scenario } from "../scenarios/harness.ts";

const policies = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: guarded}
spec: {endpointSelector: {matchLabels: {app: echo}}, ingress: [{fromEndpoints: [{matchLabels: {who: friend}}]}]}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: captive}
spec: {endpointSelector: {matchLabels: {who: stranger}}, egress: [{toEndpoints: [{matchLabels: {app: echo}}]}]}
`;
const nodes = ["node1", "node2"] as const;
const patience = 180_000;
const started = performance.now();

function step(what: string): void {
  process.stdout.write(`ipvlan: ${((performance.now() - started) / 1000).toFixed(1)} s: ${what}\n`);
}

function pod(name: string, node: string, labels: Readonly<Record<string, string>>): string {
  const spec = { nodeName: node, terminationGracePeriodSeconds: 0, containers: [{ name: "main", command: server }] };
  return `---\n${JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name, labels }, spec })}\n`;
}

/** It reads the question first: socat forgets an answer when the question finds nobody any more. */
const answer = "SYSTEM:read question; echo $SOCAT_PEERADDR";
const server = ["socat", "-t", "30", "TCP6-LISTEN:7000,ipv6only=0,fork,reuseaddr", answer];
const both = [4, 6] as const;
type Run = (command: readonly string[]) => Promise<{ readonly stdout: string }>;

/** What each address answers on TCP 7000: the address that the question came from; empty: nothing. */
async function ask(run: Run, ips: readonly string[]): Promise<readonly string[]> {
  const questions = ips.map((ip, i) => {
    const at = ip.includes(":") ? `[${ip}]` : ip;
    return `(answer=$(echo | socat -t 30 -T 30 - TCP:${at}:7000,connect-timeout=10 2>/dev/null); echo "${i} $answer") &`;
  });
  const { stdout } = await run(["sh", "-c", `${questions.join("\n")}\nwait`]);
  const answers = new Map(stdout.split("\n").map((line) => [line.split(" ")[0], line.split(" ")[1] ?? ""]));
  return ips.map((_, i) => canonical(answers.get(String(i)) ?? ""));
}

/** socat writes out all of an IPv6 address. */
function canonical(text: string): string {
  const address = text.replace(/^\[|\]$/g, "");
  const mapped = /^0000:0000:0000:0000:0000:ffff:(\w\w)(\w\w):(\w\w)(\w\w)$/.exec(address);
  if (mapped !== null)
    return mapped
      .slice(1)
      .map((byte) => Number.parseInt(byte, 16))
      .join(".");
  return address === "" || !address.includes(":") ? address : parseIp(address);
}

/** Addresses of the node that a scenario's pods are asked from, and of the world outside. */
function places({ sandbox }: Scenario): { readonly own: readonly string[]; readonly outside: readonly string[] } {
  const { ipv4 = "", ipv6 = "" } = nodeOf(sandbox, "node1");
  const last = /[.:][^.:]*$/;
  return { own: [ipv4, ipv6], outside: [ipv4.replace(last, ".200"), ipv6.replace(last, ":200")] };
}

/** Everything that has to hold of the pods; `others` are more echo pods. */
async function assertTraffic(scenario: Scenario, what: string, others: readonly string[] = []): Promise<void> {
  const { own, outside } = places(scenario);
  const ips = (pod: string) => both.map((family) => scenario.ip(pod, family));
  const echos = [...nodes.map((node) => `echo-${node}`), ...others].flatMap(ips);
  const from = (pod: string) => (command: readonly string[]) => scenario.exec(pod, command);
  const friend = ips("friend");
  const seen = (count: number) => Array.from({ length: count }, (_, i) => friend[i % 2] ?? "");
  const all = [...echos, ...own, ...outside];
  const wanted = [...seen(echos.length + own.length), ...own];
  let answers: readonly string[] = [];
  await eventually(
    `${what}: answers to the friend`,
    async () => {
      answers = await ask(from("friend"), all);
      return answers.join() === wanted.join();
    },
    patience,
  ).catch((error: unknown) => {
    throw new Error(`${what}: the friend got ${answers} instead of ${wanted} from ${all}`, { cause: error });
  });
  assert.deepEqual([...new Set(await ask(from("stranger"), all))], [""], `${what}: the stranger`);
  // Its own node may ask a pod, another one is a stranger.
  const [here, there] = [ips("echo-node1"), ips("echo-node2")];
  const onNode = await ask((command) => scenario.onNode("node1", command), [...here, ...there]);
  assert.deepEqual(
    onNode.map((answer) => answer !== ""),
    [true, true, false, false],
    `${what}: from the node`,
  );
  step(what);
}

async function run(scenario: Scenario): Promise<void> {
  const { sandbox } = scenario;
  const status = await agentClient(sandbox, nodeOf(sandbox, "node1")).healthz({});
  assert.equal(status["datapath-mode"], "ipvlan");
  const clients = ["friend", "stranger"].map((who) => pod(who, "node1", { who }));
  await scenario.apply([...clients, ...nodes.map((node) => pod(`echo-${node}`, node, { app: "echo" }))].join(""));
  await scenario.apply(policies);
  const device = (await scenario.exec("friend", ["ip", "-d", "link", "show", "eth0"])).stdout;
  assert.match(device, /ipvlan +mode l3 vepa/);
  spawnIn(nodeCommand(sandbox, "node1", server), { stdio: ["ignore", "ignore", "ignore"] });
  const outside = { ...nodeCommand(sandbox, "node1", server), netns: sandboxPaths(sandbox.name).underlayNetns };
  spawnIn(outside, { stdio: ["ignore", "ignore", "ignore"] });
  await assertTraffic(scenario, "ipvlan pods");

  await assertNoForgery(scenario);
  await scenario.restart({});
  await assertTraffic(scenario, "agents killed and started again");
  // The filter that its pod removed is there again.
  assert.match(await filters(scenario, "friend"), /cil_from_pod/);

  const veth = { "datapath-mode": "veth" };
  await scenario.restart(veth);
  await scenario.apply(pod("echo-veth", "node1", { app: "echo" }));
  assert.match((await scenario.exec("echo-veth", ["ip", "-d", "link", "show", "eth0"])).stdout, / veth /);
  await assertTraffic(scenario, "pairs beside them", ["echo-veth"]);

  await scenario.remove([...clients, pod("echo-node1", "node1", {})].join(""));
  const left = await agentClient(sandbox, nodeOf(sandbox, "node1")).listEndpoints();
  const names = left.flatMap(({ status }) => status["external-identifiers"]?.["k8s-pod-name"] ?? []);
  assert.deepEqual(names, ["echo-veth"]);
  await scenario.restart(veth, ["node1"]);
  await assertNoTraces(scenario, "node1");
  await assertUninstalled(scenario);
  step("nothing left of them");
}

/** The node's rules are the kernel's again. */
async function assertNoTraces(scenario: Scenario, node: string): Promise<void> {
  const { stdout } = await scenario.onNode(node, ["sh", "-c", "ip rule; ip -6 rule; ip link"]);
  assert.deepEqual(
    stdout.match(/^\d+:.*lookup local.*$/gm)?.map((rule) => rule.split(":")[0]),
    ["0", "0"],
    stdout,
  );
  assert.doesNotMatch(stdout, /^9\d:|cilium_ipvlan/m);
}

/** Takes everything off node2 while an ipvlan pod is there. */
async function assertUninstalled(scenario: Scenario): Promise<void> {
  await killAgent(scenario.sandbox, nodeOf(scenario.sandbox, "node2"));
  const { code, stdout, stderr } = await scenario.onNode("node2", ["cilium-dbg", "post-uninstall-cleanup", "-f"]);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /device eth0 in .*echo-node2/);
  await assertNoTraces(scenario, "node2");
  assert.notEqual((await scenario.exec("echo-node2", ["ip", "link", "show", "eth0"])).code, 0);
}

async function filters(scenario: Scenario, pod: string): Promise<string> {
  return (await scenario.exec(pod, ["tc", "filter", "show", "dev", "eth0", "egress"])).stdout;
}

/** Packets that were dropped for their source, on node1. */
async function forged(scenario: Scenario): Promise<number> {
  const { stdout } = await scenario.onNode("node1", ["cilium-dbg", "bpf", "metrics", "list"]);
  const counts = [...stdout.matchAll(/^Invalid source ip\s+\w+\s+(\d+)/gim)];
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** In another's name a pod sends nothing; without the filter in it, which it may remove, nothing in the node's name. */
async function assertNoForgery(scenario: Scenario): Promise<void> {
  const { own, outside } = places(scenario);
  const victim = both.map((family) => scenario.ip("echo-node1", family));
  const attack = async (sources: readonly string[], what: string) => {
    const before = await forged(scenario);
    await scenario.exec("friend", [
      "sh",
      "-c",
      sources.map((source, i) => sending(source, outside[i] ?? "")).join("; "),
    ]);
    await eventually(what, async () => (await forged(scenario)) >= before + sources.length, patience);
  };
  await attack(victim, "the filter drops what has another pod's address");
  for (const attacker of ["friend", "stranger"]) {
    assert.match(await filters(scenario, attacker), /cil_from_pod/);
    await scenario.exec(attacker, ["tc", "qdisc", "del", "dev", "eth0", "clsact"]);
    assert.equal(await filters(scenario, attacker), "");
  }
  await attack(own, "the master's program drops what has the node's address");
  for (const address of own) {
    const { code } = await scenario.exec("friend", ["ip", "addr", "add", address, "dev", "eth0"]);
    assert.notEqual(code, 0, `the pod got the node's address ${address}`);
  }
  await assertTraffic(scenario, "filters removed by pods");
}

/** A command that sends a datagram from any source, as a frame of its own: by a packet socket, to a `sockaddr_ll`. */
function sending(source: string, destination: string): string {
  const ethernet = { source: "02:00:00:00:00:01", destination: "02:00:00:00:00:02" };
  const bytes = ipFrame(ethernet, { source, destination }, udp({ sport: 4000, dport: 4000 }));
  const octal = (byte: number) => (byte === 0x25 ? "%%" : `\\${byte.toString(8).padStart(3, "0")}`);
  // ipvlan sends by the protocol that the address names: with that of socat's INTERFACE it sends nothing.
  const protocol = source.includes(":") ? "86dd" : "0800";
  const index = "$(printf %02x $(ip -o link show eth0 | cut -d: -f1))";
  const address = `x${protocol}${index}000000000000060200000000020000`;
  return `printf '${[...bytes].map(octal).join("")}' | socat -u - SOCKET-SENDTO:17:3:0:${address}`;
}

const settings = {
  "enable-health-checking": "false",
  "routing-mode": "native",
  "auto-direct-node-routes": "true",
  "datapath-mode": "ipvlan",
  "ipvlan-master-device": "eth0",
};
const scenario = await Scenario.create("ipvlan", { settings });
step("two nodes");
try {
  await run(scenario);
} finally {
  await scenario.delete();
}
step("deleted");
