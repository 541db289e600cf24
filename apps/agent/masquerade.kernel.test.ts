// SPDX-License-Identifier: Apache-2.0
// A node that masquerades: what machines outside see of its pods, errors that come back, the ip-masq-agent's file, a
// killed agent, another address.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { openPinnedMaps } from "../../src/datapath/index.ts";
import { Rtnetlink } from "../../src/kernel/index.ts";
import { AgentNode } from "./testing.ts";

/** What tests/scenarios/helpers/mirror.ts prints. */
interface Told {
  readonly tcp: readonly (string | undefined)[];
  readonly udp: string | undefined;
}

/** What tests/scenarios/helpers/stream.ts prints: kinds of traffic, each with what was sent and answered. */
type StreamReport = Readonly<Record<string, { readonly sent: number; readonly answered: number }>>;

const NETWORK = "172.31.251";
const IPV6_NETWORK = "fd00:31:251";
const NODE = [`${NETWORK}.1`, `${IPV6_NETWORK}::1`] as const;
const NEIGHBOUR = [`${NETWORK}.2`, `${IPV6_NETWORK}::2`] as const;
/** Behind the neighbour, by a narrow wire. */
const FAR = ["172.31.252.2", "fd00:31:252::2"] as const;
const NARROW = 1300;

const pods = ["a", "b"].map(
  (name) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
`,
);

const mirror = join(import.meta.dirname, "../../tests/scenarios/helpers/mirror.ts");
const cilium = join(import.meta.dirname, "../../bin/cilium-dbg");
const folder = mkdtempSync("/run/ip-masq-test-");
const file = join(folder, "ip-masq-agent");
let node: AgentNode;
let agent: ChildProcess;
/** The pods' addresses, IPv4 first. */
const own = new Map<string, readonly string[]>();

before(async () => {
  writeFile("nonMasqueradeCIDRs: [10.99.0.0/24]\n");
  node = new AgentNode({
    ...{ devices: "eth+", "bpf-nat-global-max": "16384" },
    ...{ "enable-ip-masq-agent": "true", "ip-masq-agent-config-path": file },
  });
  node.neighbour("neighbour", "eth1", NETWORK, { ipv6: IPV6_NETWORK });
  node.neighbour("far", "narrow", "172.31.252", { ipv6: "fd00:31:252", of: "neighbour", mtu: NARROW });
  for (const command of [
    "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
    `ip route add 10.99.0.0/24 via ${NODE[0]}`,
    `ip route add fd00:99::/112 via ${NODE[1]}`,
  ]) {
    await must("neighbour", command);
  }
  await must("far", "ip route add default via 172.31.252.1");
  await must("far", "ip -6 route add default via fd00:31:252::1");
  await must("node", `ip route add 172.31.252.0/24 via ${NEIGHBOUR[0]}`);
  await must("node", `ip route add fd00:31:252::/64 via ${NEIGHBOUR[1]}`);
  node.writeManifest("pods.yaml", pods.join("---"));
  ({ child: agent } = await node.startAgent());
  for (const pod of ["a", "b"]) {
    const { ips } = await node.cni("ADD", pod);
    own.set(
      pod,
      ips.map(({ address }) => address.replace(/\/.*/, "")).toSorted((x, y) => x.length - y.length),
    );
  }
  for (const machine of ["neighbour", "node"]) {
    const server = node.spawn(machine, [process.execPath, mirror, "serve"]);
    assert.ok(server.stdout);
    await once(server.stdout, "data");
  }
  node.workload("neighbour", "echo");
});
after(async () => {
  await node?.close();
  rmSync(folder, { recursive: true });
});

function writeFile(content: string): void {
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
}

async function must(netns: string, command: string): Promise<string> {
  const { code, stdout, stderr } = await node.run(netns, command.split(" "));
  assert.equal(code, 0, `${command}: ${stdout}${stderr}`);
  return stdout;
}

/** What the machine at the address sees of a pod's connections, from that port on, and of a datagram. */
async function ask(pod: string, ip: string, count = 1, port = 0): Promise<Told> {
  const command = [process.execPath, mirror, "ask", ip, String(count), String(port)];
  return JSON.parse(await must(pod, command.join(" "))) as Told;
}

/** Addresses, each once. */
function seen({ tcp, udp }: Told): readonly (string | undefined)[] {
  return [...new Set([...tcp, udp].map((told) => told?.split(" ")[0]))];
}

test("outside, pods have the node's address: connections, datagrams, echo requests, both families", async () => {
  for (const [index, ip] of NEIGHBOUR.entries()) {
    assert.deepEqual(seen(await ask("a", ip)), [NODE[index]]);
    await must("a", `ping -n -c 2 -i 0.2 -W 10 ${ip}`);
    // Whole and in fragments, in both directions.
    await must("a", `ping -n -c 1 -W 10 -s 4000 ${ip}`);
  }
});

test("a hundred connections of each of two pods, from the same ports, have ports of their own outside", async () => {
  for (const ip of NEIGHBOUR) {
    const told = await Promise.all(["a", "b"].map((pod) => ask(pod, ip, 100, 40_000)));
    const all = told.flatMap(({ tcp }) => tcp);
    assert.ok(!all.includes(undefined));
    assert.equal(new Set(all).size, 200);
  }
});

test("the node's own connections go on as they were, beside those of pods from the same ports", async () => {
  const [ip] = NEIGHBOUR;
  const told = await Promise.all(["a", "node"].map((who) => ask(who, ip, 50, 45_000)));
  const all = told.flatMap(({ tcp }) => tcp);
  assert.ok(!all.includes(undefined));
  assert.equal(new Set(all).size, 100);
});

test("a pod learns from a router outside that its packets are too big, and that nobody is there", async () => {
  for (const [index, ip] of FAR.entries()) {
    const big = await node.run("a", ["ping", "-n", "-c", "1", "-W", "10", "-M", "do", "-s", "1400", ip]);
    assert.match(big.stdout + big.stderr, index === 0 ? /mtu = 1300/ : /mtu=1300/);
    assert.match(await must("a", `ip route get ${ip}`), /mtu 1300/);
    const gone = await node.run("a", ["ping", "-n", "-c", "1", "-W", "10", "-t", "2", ip]);
    assert.match(gone.stdout, index === 0 ? /Time to live exceeded/ : /Hop limit/);
  }
});

/** What a command of cilium-dbg prints about the node. */
async function dbg(command: string): Promise<string> {
  const env = { CILIUM_SOCK: node.client.socketPath, CILIUM_BPF_ROOT: node.bpfRoot };
  const { code, stdout, stderr } = await node.run("node", [cilium, ...command.split(" ")], env);
  assert.equal(code, 0, `${command}: ${stderr}`);
  return stdout;
}

test("status and the bpf commands tell what is masqueraded, for whom, and how ports were found", async () => {
  assert.match(
    await dbg("status"),
    /^Masquerading: +BPF \(ip-masq-agent\) +\[eth0, eth1\] +\[IPv4: Enabled, IPv6: Enabled\]$/m,
  );
  assert.equal(await dbg("bpf ipmasq list"), "IP PREFIX/ADDRESS\n10.99.0.0/24\n169.254.0.0/16\nfe80::/10\n");
  await ask("a", NEIGHBOUR[0], 3, 50_000);
  const [a] = own.get("a") ?? [];
  const list = await dbg("bpf nat list");
  const out = `TCP OUT ${a}:50001 -> ${NEIGHBOUR[0]}:7002 XLATE_SRC ${NODE[0]}:50001 Created=\\d+sec ago NeedsCT=0`;
  assert.match(list, new RegExp(`^${out}$`, "m"));
  assert.match(list, new RegExp(`^TCP IN ${NEIGHBOUR[0]}:7002 -> ${NODE[0]}:50001 XLATE_DST ${a}:50001 Created=`, "m"));
  assert.equal(await dbg("bpf nat list cluster 3"), "");
  const records = JSON.parse(await dbg("bpf nat list -o json")) as {
    Key: { DestPort: number };
    Value: { Addr: string };
  }[];
  const record = records.find(({ Key, Value }) => Value.Addr === a && Key.DestPort === 50_001);
  assert.deepEqual(record?.Key, {
    ...{ SourceAddr: NEIGHBOUR[0], DestAddr: NODE[0], SourcePort: 7002 },
    ...{ DestPort: 50001, NextHeader: 6, Flags: 1 },
  });
  const stats = await dbg("bpf nat stats --top 3");
  assert.match(stats, /^FLOWS +PORTS +PROTO +EGRESS IP +DESTINATION$/m);
  assert.match(stats, new RegExp(`^\\d+ +\\d+\\.\\d% +TCP +${NODE[0]} +${NEIGHBOUR[0]}:7002$`, "m"));
  assert.match(stats, new RegExp(`^\\d+ +${a}$`, "m"));
  const retries = (await dbg("bpf nat retries list")).trimEnd().split("\n");
  assert.equal(retries.length, 2 * 129);
  assert.match(retries[0] ?? "", /^0:\t[1-9]\d*$/);
  assert.match(retries[128] ?? "", /^128:\t0$/);
  assert.match(await dbg("metrics list -p nat_endpoint"), /nat_endpoint_max_connection +family=ipv4 +0\.0\d+$/m);
  const table = await dbg("statedb show nat-stats --columns IPFamily,Proto,EgressIP,RemoteAddr");
  assert.match(table, new RegExp(`^ipv4 +TCP +${NODE[0]} +${NEIGHBOUR[0]}:7002$`, "m"));
  assert.match(
    await dbg("bpf nat retries list -o json"),
    /"Key": \{\n +"Key": 128\n +\},\n +"Value": \{\n +"Value": 0/,
  );
  assert.match(await dbg("bpf nat retries flush"), /^Flushed 129 entries from .*cilium_snat_v4_alloc_retries$/m);
  assert.match(await dbg("bpf nat flush"), /^Flushed [1-9]\d* entries from .*cilium_snat_v4_external$/m);
});

test("the file's prefixes are taken when it changes; one that is bad changes nothing and is told", async () => {
  const a = own.get("a");
  writeFile(`{"nonMasqueradeCIDRs": ["${NETWORK}.0/24", "${IPV6_NETWORK}::/64"], "masqLinkLocal": true}`);
  await node.until("the pod's own address is seen", async () => seen(await ask("a", NEIGHBOUR[0]))[0] === a?.[0]);
  assert.deepEqual(seen(await ask("a", NEIGHBOUR[1])), [a?.[1]]);
  writeFile("nonMasqueradeCIDRs: [172.31.251.0/33]");
  const isTold = async () =>
    (await node.client.healthz()).modules?.some(
      ({ name, message }) => name === "masquerade" && /172\.31\.251\.0\/33.*expected a CIDR/.test(message ?? ""),
    ) === true;
  await node.until("the bad file is told", isTold);
  assert.deepEqual(seen(await ask("a", NEIGHBOUR[0])), [a?.[0]]);
  writeFile("nonMasqueradeCIDRs: []\n");
  await node.until("the node's address is seen", async () => seen(await ask("a", NEIGHBOUR[0]))[0] === NODE[0]);
});

test("nothing is lost while the agent is killed and starts again, with an address more in front of the device's", async () => {
  const stream = node.workload("a", "stream", NEIGHBOUR[0]);
  assert.ok(stream.stdout);
  const report = text(stream.stdout);
  await once(stream.stdout, "data");
  await node.end(agent, "SIGKILL");
  assert.deepEqual(seen(await ask("b", NEIGHBOUR[0])), [NODE[0]]);
  await must("node", `ip address add ${IPV6_NETWORK}::9/64 dev eth1 nodad`);
  ({ child: agent } = await node.startAgent());
  for (const [index, ip] of NEIGHBOUR.entries()) assert.deepEqual(seen(await ask("b", ip)), [NODE[index]]);
  stream.kill("SIGTERM");
  const counts = Object.entries(JSON.parse(await report) as StreamReport);
  assert.equal(counts.length, 3);
  for (const [what, { sent, answered }] of counts) assert.equal(answered, sent, what);
});

test("a flood of flows, more than the tables hold, breaks no connection that is in use", async () => {
  const stream = node.workload("a", "stream", NEIGHBOUR[0]);
  assert.ok(stream.stdout);
  const report = text(stream.stdout);
  await once(stream.stdout, "data");
  const flood = `const socket = require("node:dgram").createSocket("udp4");
    let port = 10000;
    const some = () => {
      for (let i = 0; i < 50; i++, port++) socket.send("x", port, "${NEIGHBOUR[0]}", () => {});
      if (port < 40000) setTimeout(some, 1); else socket.close();
    };
    socket.bind(30000, some);`;
  const { code, stderr } = await node.run("b", [process.execPath, "-e", flood]);
  assert.equal(code, 0, stderr);
  stream.kill("SIGTERM");
  const { connection } = JSON.parse(await report) as StreamReport;
  assert.ok(connection !== undefined && connection.sent > 0);
  assert.equal(connection.answered, connection.sent);
});

test("another address of the device is given to what begins then, and what had the old one is forgotten", async () => {
  const OTHER = `${NETWORK}.7`;
  {
    using rtnl = new Rtnetlink({ netns: node.netns("node") });
    const ifindex = rtnl.link("eth1")?.ifindex ?? 0;
    rtnl.deleteAddress({ ifindex, address: NODE[0], prefixLength: 24 });
    rtnl.addAddress({ ifindex, address: OTHER, prefixLength: 24 });
  }
  await node.until("the other address is seen", async () => seen(await ask("a", NEIGHBOUR[0]))[0] === OTHER);
  await node.until("no flow has the old one", async () => {
    using maps = openPinnedMaps(node.bpfRoot);
    return !maps.nat
      .list(4)
      .some(({ direction, address, destination }) => (direction === "in" ? destination : address) === NODE[0]);
  });
});
