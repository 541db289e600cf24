// SPDX-License-Identifier: Apache-2.0
// Attacks from outside the cluster, on nodes, and by exhaustion.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { nodeCommand, type SandboxNode, spawnIn } from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { concat, ipFrame, type Payload, TcpFlag, tcp, u32, udp } from "../datapath/packet.ts";
import type { Probe } from "../scenarios/helpers/probe.ts";
import { type Attempt, Lab, type PodName } from "./lab.ts";

const { SYN, ACK } = TcpFlag;
const FAMILIES = [4, 6] as const;
const STRANGER_MAC = "02:00:00:00:00:99";

let lab: Lab;
let one: SandboxNode;
let two: SandboxNode;
let nodeMac: string;
before(async () => {
  lab = await Lab.create();
  [one, two] = lab.scenario.sandbox.nodes as [SandboxNode, SandboxNode];
  const { stdout } = await lab.scenario.onNode("node1", ["ip", "-j", "link", "show", "eth0"]);
  nodeMac = (JSON.parse(stdout) as { address: string }[])[0]?.address ?? "";
});
after(async () => await lab?.delete());

let count = 0;
/** Bytes of which no other frame has any 8. */
const marker = (): Uint8Array => Buffer.from(`o${String(++count).padStart(7, "0")}`.repeat(4));
const datagram = (dport = 7001): Payload => udp({ sport: 5000, dport, data: marker() });

const of = (node: SandboxNode, family: 4 | 6): string => (family === 4 ? node.ipv4 : node.ipv6) ?? "";
/** cilium_host's address. */
const routerOf = (pod: PodName, family: 4 | 6): string =>
  lab.scenario.ip(pod, family).replace(family === 4 ? /\d+$/ : /[^:]*$/, "1");
const stranger = (family: 4 | 6): string =>
  family === 4 ? of(one, 4).replace(/\d+$/, "200") : of(one, 6).replace(/11$/, "200");

/** A frame on the underlay to the first node. */
function toNode(source: string, destination: string, payload: Payload): Uint8Array {
  return ipFrame({ source: STRANGER_MAC, destination: nodeMac }, { source, destination }, payload);
}

/** A tunnel packet from an underlay address, with an inner packet to the victim in the name of `source`. */
function tunneled(outer: string, identity: number, source: string, reaches?: PodName): Attempt {
  const family = source.includes(":") ? 6 : 4;
  const ip = { source, destination: lab.scenario.ip("victim", family) };
  const inner = ipFrame({ source: STRANGER_MAC, destination: STRANGER_MAC }, ip, datagram());
  const data = concat(u32(0x08000000), u32(identity << 8), inner);
  const frame = toNode(outer, of(one, outer.includes(":") ? 6 : 4), udp({ sport: 40000, dport: 8472, data }));
  return { frame, match: inner.subarray(family === 6 ? 22 : 26), ...(reaches && { reaches }) };
}

async function identityOf(pod: PodName): Promise<number> {
  const { stdout } = await lab.scenario.onNode("node1", ["cilium-dbg", "endpoint", "list", "-o", "json"]);
  const endpoints = JSON.parse(stdout) as { status: { identity?: { id: number; labels: string[] } } }[];
  const found = endpoints.find(({ status }) => status.identity?.labels.includes(`k8s:who=${pod}`));
  assert.ok(found?.status.identity, `no endpoint of ${pod}`);
  return found.status.identity.id;
}

test("threats: a tunnel packet with a forged identity from an address that is no known node is dropped", async () => {
  const friend = await identityOf("friend");
  const attempts = FAMILIES.flatMap((family) =>
    [friend, 1, 6, 2].flatMap((identity) => [
      tunneled(stranger(4), identity, lab.scenario.ip("remote", family)),
      tunneled(stranger(6), identity, lab.scenario.ip("remote", family)),
    ]),
  );
  await lab.expectDrops("node1", { "Unknown sender": 16 }, () => lab.sendFromOutside(attempts));
});

test("threats: who forges a known node's underlay address is believed (only encryption helps), but for local sources", async () => {
  const friend = await identityOf("friend");
  const attempts = FAMILIES.flatMap((family) => [
    tunneled(of(two, 4), friend, lab.scenario.ip("remote", family), "victim"),
    tunneled(of(two, 4), family === 4 ? 9 : 10, lab.scenario.ip("remote", family)),
    tunneled(of(two, 4), 0, lab.scenario.ip("remote", family)),
    tunneled(of(two, 4), friend, lab.scenario.ip("friend", family)),
    tunneled(of(two, 4), friend, routerOf("victim", family)),
  ]);
  const wanted = { "Invalid source ip": 4, "Invalid identity": 2, "Policy denied": 2 };
  await lab.expectDrops("node1", wanted, () => lab.sendFromOutside(attempts));
});

test("threats: packets that come without the tunnel are the world's, whatever pod or host they say to be of", async () => {
  const attempts = FAMILIES.flatMap((family): Attempt[] =>
    [
      lab.scenario.ip("friend", family),
      lab.scenario.ip("remote", family),
      routerOf("victim", family),
      routerOf("remote", family),
      of(one, family),
      stranger(family),
    ].map((source) => ({ frame: toNode(source, lab.scenario.ip("victim", family), datagram()) })),
  );
  const wanted = { "Invalid source ip": 6, "Policy denied": 4 };
  await lab.expectDrops("node1", wanted, () => lab.sendFromOutside(attempts));
});

test("threats: a pod reaches its node, cilium_host and the other node only when its policy says so", async () => {
  const command = [process.execPath, join(import.meta.dirname, "../scenarios/helpers/echo.ts")];
  const servers: ChildProcess[] = ["node1", "node2"].map((node) =>
    spawnIn(nodeCommand(lab.scenario.sandbox, node, command), { stdio: ["ignore", "ignore", "ignore"] }),
  );
  try {
    const addresses = FAMILIES.flatMap((family) => [
      of(one, family),
      routerOf("victim", family),
      of(two, family),
      routerOf("remote", family),
    ]);
    const probes: Probe[] = addresses.flatMap((ip) => [
      { protocol: "TCP", ip, port: 7000 },
      { protocol: "ICMP", ip },
      // Elsewhere the echo server answers from the address that the route to the pod prefers, not from the one asked.
      ...(ip === routerOf("victim", 4) || ip === routerOf("victim", 6)
        ? [{ protocol: "UDP", ip, port: 7000 } as const]
        : []),
    ]);
    const expect = (answered: boolean) => probes.map(() => answered);
    await eventually("the friend to reach everything", async () =>
      (await lab.scenario.probe("friend", probes)).every(Boolean),
    );
    assert.deepEqual(await lab.scenario.probe("friend", probes), expect(true), "without an egress policy");
    assert.deepEqual(await lab.scenario.probe("captive", probes), expect(false), "with a policy for a friend alone");
    await lab.scenario.apply(toHost);
    const local = probes.map(({ ip }) => FAMILIES.some((f) => ip === of(one, f) || ip === routerOf("victim", f)));
    assert.deepEqual(await lab.scenario.probe("captive", probes), local, "with one for its own host");
  } finally {
    for (const server of servers) server.kill("SIGKILL");
  }
});

const toHost = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: to-host}
spec: {endpointSelector: {matchLabels: {who: captive}}, egress: [{toEndpoints: [{matchLabels: {"reserved:host": ""}}]}]}
`;

test("threats: a flood of SYNs takes nothing from connections that exist, and what is denied is counted", async () => {
  const streams = FAMILIES.map((family) => lab.scenario.stream("friend", lab.scenario.ip("victim", family)));
  await sleep(700);
  const flood = (family: 4 | 6, dport: number) =>
    lab.flood("attacker", lab.frame("attacker", "victim", family, tcp({ sport: 1, dport, flags: SYN })), 8000, 2);
  const before = await lab.drops("node1");
  const allowed = await Promise.all(FAMILIES.map((family) => flood(family, 7000)));
  const denied = await Promise.all(FAMILIES.map((family) => flood(family, 7001)));
  const after = await lab.drops("node1");
  const reports = await Promise.all(streams.map((stream) => stream.stop()));
  for (const sent of [...allowed, ...denied]) assert.ok(sent > 2 * 4096, `the flood was too thin to tell: ${sent}`);
  for (const { connection } of reports) {
    assert.ok(connection.sent > 20, JSON.stringify(reports));
    assert.ok(connection.answered >= 0.9 * connection.sent, JSON.stringify(reports));
  }
  const counted = (after.get("Policy denied") ?? 0) - (before.get("Policy denied") ?? 0);
  const wanted = denied.reduce((sum, sent) => sum + sent, 0);
  assert.ok(counted >= wanted, `${counted} drops counted of ${wanted}`);
});

test("threats: a port used again after the connection closed, and one that is open, ask a policy that has changed", async () => {
  const segment = (family: 4 | 6, flags: number, sport: number) =>
    lab.frame("attacker", "victim", family, tcp({ sport, dport: 7000, flags, data: marker() }));
  // The attacker's own stack resets the first at once; the second is a flow that has no end.
  const opened = FAMILIES.flatMap((family): Attempt[] => [
    { frame: segment(family, SYN, 41_000), reaches: "victim" },
    { frame: segment(family, ACK, 41_001), reaches: "victim" },
  ]);
  await lab.send("attacker", opened);
  await lab.scenario.apply(friendsOnly);
  const attempts = FAMILIES.flatMap((family): Attempt[] => [
    { frame: segment(family, SYN, 41_000) },
    { frame: segment(family, ACK, 41_000) },
    { frame: segment(family, ACK, 41_001) },
    { frame: segment(family, SYN, 41_001) },
  ]);
  await lab.expectDrops("node1", { "Policy denied": 8 }, () => lab.send("attacker", attempts));
});

const friendsOnly = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: victim}
spec: {endpointSelector: {matchLabels: {role: victim}}, ingress: [{fromEndpoints: [{matchLabels: {who: friend}}]}]}
`;
