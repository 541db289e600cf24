// SPDX-License-Identifier: Apache-2.0
// What a network owes its pods beside policy: big packets, ICMP errors, the gateway, nodes, the world; and no forgery.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { killAgent, nodeOf, startAgent, waitForAgent } from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { clientPod, echoPod, type Output, Scenario } from "./harness.ts";

const families = [4, 6] as const;
const closed = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: closed}
spec: {endpointSelector: {matchLabels: {app: echo}}, ingress: [{fromEndpoints: [{matchLabels: {side: good}}]}]}
`;
const captive = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: captive}
spec: {endpointSelector: {matchLabels: {app: client}}, egress: [{toEndpoints: [{matchLabels: {app: echo}}]}]}
`;
const reaching = (entity: string) => `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: reaching-${entity}}
spec: {endpointSelector: {matchLabels: {app: client}}, egress: [{toEntities: [${entity}]}]}
`;

let scenario: Scenario;

before(async () => {
  scenario = await Scenario.create("network");
  const echos = ["node1", "node2"].map((node) => echoPod(`echo-${node}`, node, { app: "echo" }));
  await scenario.apply([clientPod("client", "node1", { app: "client", side: "good" }), ...echos].join(""));
});

after(async () => await scenario?.delete());

const ping = (ip: string, ...more: string[]): Promise<Output> =>
  scenario.exec("client", ["ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", ...more, ip]);

const targets = () => ["echo-node1", "echo-node2"].flatMap((pod) => families.map((family) => scenario.ip(pod, family)));

test("packets of every size arrive, whole and in fragments", async () => {
  for (const ip of targets()) {
    const sizes = ["100", "1372", "1400", "1500", "4000", "16000"];
    const outputs = await Promise.all(sizes.map((size) => ping(ip, "-s", size)));
    assert.deepEqual(
      outputs.map(({ code }, i) => `${ip} ${sizes[i]}: ${code}`),
      sizes.map((size) => `${ip} ${size}: 0`),
    );
  }
});

test("a closed UDP port answers with an ICMP error, which reaches its socket", async () => {
  const script = `
    const socket = require("node:dgram").createSocket(process.argv[1].includes(":") ? "udp6" : "udp4");
    socket.on("error", (error) => { console.log(error.code); process.exit(); });
    socket.connect(7999, process.argv[1], () => socket.send("x", () => setTimeout(() => socket.send("x"), 200)));
    setTimeout(() => { console.log("nothing"); process.exit(); }, 1500);`;
  const outputs = await Promise.all(
    targets().map((ip) => scenario.exec("client", [process.execPath, "-e", script, ip])),
  );
  assert.deepEqual(
    outputs.map(({ stdout }) => stdout.trim()),
    targets().map(() => "ECONNREFUSED"),
  );
});

test("a closed TCP port refuses at once", async () => {
  for (const ip of targets()) {
    const host = ip.includes(":") ? `[${ip}]` : ip;
    assert.equal((await scenario.exec("client", ["curl", "-s", "-m", "2", `http://${host}:7999/`])).code, 7, ip);
  }
});

test("a pod reaches the gateway, its node, the other node and the world, unless policy forbids", async () => {
  const [one, two] = scenario.sandbox.nodes;
  assert.ok(one && two);
  const gateways = [one.ipv4PodCidr, one.ipv6PodCidr].map((cidr) => cidr?.replace(/0?\/\d+$/, "1") ?? "");
  const nodes = [one.ipv4, one.ipv6, two.ipv4, two.ipv6].map((ip) => ip ?? "");
  const world = nodes.slice(0, 2).map((ip) => ip.replace(/1:11$/, "1:200").replace(/\.11$/, ".200"));
  const all = [...gateways, ...nodes, ...world];
  const open = await Promise.all(all.map((ip) => ping(ip)));
  assert.deepEqual(
    open.map(({ code }, i) => [all[i], code]),
    all.map((ip) => [ip, 0]),
  );
  await scenario.apply(captive);
  const forbidden = await Promise.all([...nodes, ...world].map((ip) => ping(ip)));
  assert.deepEqual(
    forbidden.map(({ code }, i) => [[...nodes, ...world][i], code]),
    [...nodes, ...world].map((ip) => [ip, 1]),
  );
  assert.equal((await ping(scenario.ip("echo-node2", 6))).code, 0);
  await scenario.remove(captive);
});

test("threats: every address of a node is the node to policies, also one that it gets later, and none that it lost", async () => {
  const { ipv4 = "", ipv6 = "" } = nodeOf(scenario.sandbox, "node1");
  // As a second network card's, or one that keepalived moves around.
  const moving = [ipv4.replace(/\.11$/, ".99"), ipv6.replace(/:11$/, ":99")];
  const ip = async (verb: string, address: string) => {
    const prefix = `${address}/${address.includes(":") ? 128 : 32}`;
    const flags = verb === "add" && address.includes(":") ? ["nodad"] : [];
    const { code, stderr } = await scenario.onNode("node1", ["ip", "addr", verb, prefix, "dev", "eth0", ...flags]);
    assert.equal(code, 0, stderr);
  };
  const known = async () => {
    const { stdout } = await scenario.onNode("node1", ["cilium-dbg", "bpf", "endpoint", "list"]);
    return moving.map((address) => new RegExp(`^${address}:0 +\\(localhost\\)$`, "m").test(stdout));
  };
  const codes = async () => (await Promise.all(moving.map((address) => ping(address)))).map(({ code }) => code);
  for (const address of moving) await ip("add", address);
  await eventually("its addresses", async () => isDeepStrictEqual(await known(), [true, true]));
  for (const [entity, code] of [
    ["host", 0],
    ["world", 1],
  ] as const) {
    await scenario.apply(reaching(entity));
    assert.deepEqual(await codes(), [code, code], entity);
    await scenario.remove(reaching(entity));
  }
  for (const address of moving) await ip("del", address);
  await eventually("none of its addresses", async () => isDeepStrictEqual(await known(), [false, false]));
});

test("threats: a pod cannot send with an address that is not its own", async () => {
  const stolen = { ipv4: "10.77.0.1/32", ipv6: "fd00:77::1/128" };
  for (const address of Object.values(stolen)) {
    assert.equal(
      (
        await scenario.exec("client", [
          "ip",
          "addr",
          "add",
          address,
          "dev",
          "eth0",
          ...(address.includes(":") ? ["nodad"] : []),
        ])
      ).code,
      0,
    );
  }
  const dropped = async () => {
    const { stdout } = await scenario.onNode("node1", ["cilium-dbg", "bpf", "metrics", "list", "-o", "json"]);
    const rows = JSON.parse(stdout) as { reason: string; packets: number }[];
    return rows.filter((row) => row.reason === "Invalid source ip").reduce((sum, row) => sum + row.packets, 0);
  };
  const before = await dropped();
  assert.notEqual((await ping(scenario.ip("echo-node2", 4), "-I", "10.77.0.1")).code, 0);
  assert.notEqual((await ping(scenario.ip("echo-node2", 6), "-I", "fd00:77::1")).code, 0);
  assert.ok((await dropped()) >= before + 4);
  for (const address of Object.values(stolen))
    await scenario.exec("client", ["ip", "addr", "del", address, "dev", "eth0"]);
});

test("a pod that gets another label is another to policy", async () => {
  const probes = families.map((family) => ({
    protocol: "TCP" as const,
    ip: scenario.ip("echo-node2", family),
    port: 7000,
  }));
  await scenario.apply(closed);
  assert.deepEqual(await scenario.probe("client", probes), [true, true]);
  await scenario.apply(clientPod("client", "node1", { app: "client", side: "bad" }));
  await eventually("no answers", async () => (await scenario.probe("client", probes)).every((answered) => !answered));
  await scenario.apply(clientPod("client", "node1", { app: "client", side: "good" }));
  await eventually("answers", async () => (await scenario.probe("client", probes)).every((answered) => answered));
  await scenario.remove(closed);
});

test("an agent that comes back knows what changed while it was away: policies, and pods that went", async () => {
  const { sandbox } = scenario;
  const node = nodeOf(sandbox, "node1");
  await scenario.apply(clientPod("leaving", "node1", { app: "leaving" }) + clientPod("bad", "node2", { side: "bad" }));
  const address = scenario.ip("leaving", 4);
  await killAgent(sandbox, node);
  await scenario.remove(clientPod("leaving", "node1", { app: "leaving" }));
  await scenario.apply(closed);
  startAgent(sandbox, node);
  await waitForAgent(sandbox, node);
  const probes = families.map((family) => ({
    protocol: "TCP" as const,
    ip: scenario.ip("echo-node1", family),
    port: 7000,
  }));
  await eventually("no answers", async () => (await scenario.probe("bad", probes)).every((answered) => !answered));
  assert.deepEqual(await scenario.probe("client", probes), [true, true]);
  await eventually("the endpoint to go", async () => {
    const { stdout } = await scenario.onNode("node1", ["cilium-dbg", "endpoint", "list", "-o", "json"]);
    return !stdout.includes(address);
  });
  await scenario.remove(closed);
});
