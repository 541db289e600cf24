// SPDX-License-Identifier: Apache-2.0
// What netfilter and rules for routing see of pods that talk to the outside: nothing past the stack, all through it.
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { AgentNode } from "./testing.ts";

const NETWORK = "172.31.253";
const IPV6_NETWORK = "fd00:31:253";
const NODE = [`${NETWORK}.1`, `${IPV6_NETWORK}::1`] as const;
const NEIGHBOUR = [`${NETWORK}.2`, `${IPV6_NETWORK}::2`] as const;
const SINK_PORT = 7010;
const UPLOAD = 4 << 20;

const mirror = join(import.meta.dirname, "../../tests/scenarios/helpers/mirror.ts");
const needsIptables = { skip: existsSync("/usr/sbin/iptables") ? false : "iptables is not installed" };
const pods = ["a", "b"].map(
  (name) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name}}}
`,
);
let node: AgentNode;
let agent: ChildProcess;

before(async () => {
  node = new AgentNode({ devices: "eth+", "routing-mode": "native" });
  node.neighbour("neighbour", "eth1", NETWORK, { ipv6: IPV6_NETWORK });
  node.writeManifest("pods.yaml", pods.join("---"));
  ({ child: agent } = await node.startAgent());
  for (const pod of ["a", "b"]) await node.cni("ADD", pod);
  const sink = `require("node:net").createServer((socket) => socket.resume()).listen(${SINK_PORT}, () => console.log());`;
  for (const server of [
    ["-e", sink],
    [mirror, "serve"],
  ]) {
    const { stdout } = node.spawn("neighbour", [process.execPath, ...server]);
    assert.ok(stdout);
    await once(stdout, "data");
  }
});
after(() => node?.close());

async function must(netns: string, ...command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await node.run(netns, command);
  assert.equal(code, 0, `${command.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

/** Packets of pods that netfilter was shown on their way through the node. */
async function forwarded(): Promise<number> {
  const [, packets] = /-A FORWARD -s \S+ -c (\d+) /.exec(await must("node", "iptables", "-vS", "FORWARD")) ?? [];
  return Number(packets);
}

test(
  "full segments of a pod go past the stack too: netfilter never meets a connection in its middle",
  needsIptables,
  async () => {
    await must("node", "iptables", "-I", "FORWARD", "-s", "10.99.0.0/24");
    assert.match(await must("a", "ip", "link", "show", "eth0"), / mtu 1500 /);
    const upload = `const socket = require("node:net").connect(${SINK_PORT}, "${NEIGHBOUR[0]}");
    socket.on("close", (failed) => process.exit(failed ? 1 : 0)).resume().end(Buffer.alloc(${UPLOAD}));`;
    await must("a", process.execPath, "-e", upload);
    assert.equal(await forwarded(), 0);
  },
);

test("a rule for one pod's packets holds for that pod alone, whoever asked for the way before", async () => {
  const [b] = (await must("b", "ip", "-4", "-o", "address", "show", "eth0")).match(/10\.99\.0\.\d+/) ?? [];
  await must("node", "ip", "rule", "add", "from", `${b}`, "lookup", "99");
  await must("node", "ip", "route", "add", "unreachable", "default", "table", "99");
  // On one CPU, in the same seconds.
  const ping = (pod: string, wait: number) =>
    node.run(pod, `taskset -c 0 ping -n -c 20 -i 0.05 -W ${wait} ${NEIGHBOUR[0]}`.split(" "));
  // Nobody answers the second: it need not wait long.
  const [fromA, fromB] = await Promise.all([ping("a", 10), ping("b", 1)]);
  assert.match(fromA.stdout, / 20 received/);
  assert.match(fromB.stdout, / 0 received/);
});

test(
  "with enable-host-legacy-routing netfilter sees both sides of a connection, and none is INVALID",
  needsIptables,
  async () => {
    await node.end(agent, "SIGTERM");
    await node.startAgent(["--enable-host-legacy-routing=true"]);
    const drop = ["-A", "FORWARD", "-m", "conntrack", "--ctstate", "INVALID", "-j", "DROP"];
    for (const tables of ["iptables", "ip6tables"]) await must("node", tables, ...drop);
    for (const [index, ip] of NEIGHBOUR.entries()) {
      const { tcp, udp } = JSON.parse(await must("a", process.execPath, mirror, "ask", ip, "3")) as {
        tcp: readonly (string | undefined)[];
        udp: string | undefined;
      };
      for (const told of [...tcp, udp]) assert.equal(told?.split(" ")[0], NODE[index]);
      await must("a", "ping", "-n", "-c", "1", "-W", "10", ip);
    }
    assert.ok((await forwarded()) > 0);
  },
);
