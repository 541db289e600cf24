// SPDX-License-Identifier: Apache-2.0
// What the plugin says without a kernel: versions, bad environments, bad configurations, an agent that is down.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { hostInterfaceName } from "./attachment.ts";
import { runPlugin } from "./plugin.ts";
import { linkLocal } from "./pod-network.ts";
import { type Attached, formatResult } from "./result.ts";

const base = { cniVersion: "1.0.0", name: "cilium", type: "cilium-cni", "agent-socket": "/nonexistent/cilium.sock" };
const attachment = { CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0", CNI_NETNS: "/proc/1/ns/none" };

interface ErrorAnswer {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

async function fails(env: NodeJS.ProcessEnv, config: unknown): Promise<ErrorAnswer> {
  const stdin = typeof config === "string" ? config : JSON.stringify(config);
  const outcome = await runPlugin({ env, stdin, patience: 0 });
  assert.equal(outcome.exitCode, 1, outcome.output);
  return JSON.parse(outcome.output) as ErrorAnswer;
}

test("VERSION lists what is supported and answers in the version it was asked in", async () => {
  const env = { CNI_COMMAND: "VERSION" };
  const outcome = await runPlugin({ env, stdin: '{"cniVersion":"0.4.0"}' });
  assert.equal(outcome.exitCode, 0);
  assert.deepEqual(JSON.parse(outcome.output), {
    cniVersion: "0.4.0",
    supportedVersions: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"],
  });
});

test("a bad environment is error 4 and names the variable", async () => {
  const cases: [NodeJS.ProcessEnv, RegExp][] = [
    [{}, /CNI_COMMAND: it is not set/],
    [{ CNI_COMMAND: "REMOVE" }, /"REMOVE" is no command/],
    [{ CNI_COMMAND: "ADD" }, /CNI_CONTAINERID, CNI_IFNAME, CNI_NETNS not set/],
    [{ ...attachment, CNI_COMMAND: "ADD", CNI_NETNS: "" }, /ADD: CNI_NETNS not set/],
    [{ ...attachment, CNI_COMMAND: "ADD", CNI_CONTAINERID: "../x" }, /CNI_CONTAINERID "\.\.\/x"/],
    [{ ...attachment, CNI_COMMAND: "DEL", CNI_IFNAME: "eth0/1" }, /CNI_IFNAME/],
    [{ ...attachment, CNI_COMMAND: "DEL", CNI_IFNAME: "sixteen-bytes-is" }, /CNI_IFNAME/],
    [{ ...attachment, CNI_COMMAND: "ADD", CNI_NETNS: "relative" }, /not an absolute path/],
    [{ ...attachment, CNI_COMMAND: "ADD", CNI_ARGS: "K8S_POD_NAME" }, /not KEY=VALUE/],
    [{ ...attachment, CNI_COMMAND: "ADD", CNI_ARGS: "FOO=1" }, /unknown key "FOO"/],
    [{ ...attachment, CNI_COMMAND: "ADD", CNI_ARGS: "IgnoreUnknown=1;FOO=1" }, /not a network namespace/],
    [{ ...attachment, CNI_COMMAND: "ADD", CNI_NETNS: "/proc/self/ns/net" }, /host's own namespace/],
  ];
  for (const [env, message] of cases) {
    const answer = await fails(env, base);
    assert.equal(answer.code, 4, answer.msg);
    assert.match(answer.msg, message);
  }
});

test("a bad configuration is error 1, 2, 6 or 7 and names the field", async () => {
  const cases: [unknown, number, RegExp][] = [
    ["", 6, /stdin is empty/],
    ["{", 6, /Cannot read configuration/],
    ["[]", 6, /not a JSON object/],
    [{ ...base, cniVersion: "2.0.0" }, 1, /"2\.0\.0": not supported/],
    [{ ...base, name: "" }, 7, /"name" is not set/],
    [{ ...base, name: "a b" }, 7, /"name": "a b"/],
    [{ ...base, type: undefined }, 7, /"type" is not set/],
    [{ ...base, mtu: 100 }, 7, /"mtu": 100/],
    [{ ...base, mtu: "1500" }, 7, /"mtu"/],
    [{ ...base, "agent-socket": "x.sock" }, 7, /"agent-socket"/],
    [{ ...base, "chaining-mode": "aws-cni" }, 2, /"chaining-mode": "aws-cni"/],
    [{ ...base, labels: [7] }, 7, /"labels\[0\]" is not a string/],
    [{ ...base, "label-source": { runtime: "lxc" } }, 7, /"lxc" is not one of containerd, podman/],
    [{ ...base, runtimeConfig: { mac: "01:00:5e:00:00:01" } }, 7, /"runtimeConfig\.mac": "01:00:5e:00:00:01"/],
    [{ ...base, runtimeConfig: { ips: ["10.0.0.1/24", "10.0.0.2/24"] } }, 7, /2 IPv4 addresses/],
    [{ ...base, runtimeConfig: { ips: ["ten"] } }, 7, /"ten" is not an address/],
    [{ ...base, ipam: { type: "host-local" } }, 2, /"ipam\.type": "host-local"/],
    [{ ...base, eni: {} }, 2, /"eni"/],
  ];
  for (const [config, code, message] of cases) {
    const answer = await fails({ ...attachment, CNI_COMMAND: "ADD" }, config);
    assert.match(answer.msg, message);
    assert.equal(answer.code, code, answer.msg);
  }
});

test("a command that the configuration's version does not know is error 1", async () => {
  const old = { ...base, cniVersion: "0.3.1" };
  assert.equal((await fails({ ...attachment, CNI_COMMAND: "CHECK" }, old)).code, 1);
  const status = await fails({ CNI_COMMAND: "STATUS" }, base);
  assert.equal(status.code, 1);
  assert.match(status.msg, /the command exists since 1\.1\.0/);
});

test("CHECK and STATUS say that the agent is down", async () => {
  const prevResult = { interfaces: [{ name: "eth0", sandbox: "/x" }], ips: [] };
  const check = await fails({ ...attachment, CNI_COMMAND: "CHECK" }, { ...base, prevResult });
  assert.equal(check.code, 11);
  assert.match(check.msg, /Cannot reach the agent at "\/nonexistent\/cilium\.sock": ENOENT/);
  const status = await fails({ CNI_COMMAND: "STATUS" }, { ...base, cniVersion: "1.1.0" });
  assert.equal(status.code, 50);
  assert.equal(status.details, "DaemonDown");
  assert.equal(status.cniVersion, "1.1.0");
  assert.equal((await fails({ ...attachment, CNI_COMMAND: "CHECK" }, base)).code, 7);
});

test("errors go to the log file too", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "cni-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const logFile = join(directory, "sub", "cni.log");
  await fails({ CNI_COMMAND: "STATUS" }, { ...base, cniVersion: "1.1.0", "log-file": logFile });
  const line = JSON.parse(readFileSync(logFile, "utf8")) as { level: string; command: string };
  assert.equal(line.level, "error");
  assert.equal(line.command, "STATUS");
});

test("hostInterfaceName() is lxc and 12 digits of the attachment's SHA-256", () => {
  // printf %s c1:eth0 | sha256sum
  assert.equal(hostInterfaceName("c1", "eth0"), "lxc18b8fe0ca3d6");
});

const attached: Attached = {
  hostInterface: "lxc1",
  hostMac: "02:00:00:00:00:01",
  interfaceName: "eth0",
  mac: "02:00:00:00:00:02",
  netns: "/run/netns/x",
  addresses: [
    { family: 4, address: "10.0.0.5", gateway: "10.0.0.1" },
    { family: 6, address: "fd00::5", gateway: "fd00::1" },
  ],
  deviceMtu: 1500,
  routeMtu: 1450,
};

test("formatResult() writes each version's own shape", () => {
  const routes = [
    { dst: "10.0.0.1/32" },
    { dst: "0.0.0.0/0", gw: "10.0.0.1" },
    { dst: "fd00::1/128" },
    { dst: "::/0", gw: "fd00::1" },
  ];
  const interfaces = [
    { name: "lxc1", mac: "02:00:00:00:00:01" },
    { name: "eth0", mac: "02:00:00:00:00:02", sandbox: "/run/netns/x" },
  ];
  const ips = [
    { interface: 1, address: "10.0.0.5/32", gateway: "10.0.0.1" },
    { interface: 1, address: "fd00::5/128", gateway: "fd00::1" },
  ];
  assert.deepEqual(formatResult("1.0.0", attached), { cniVersion: "1.0.0", interfaces, ips, routes, dns: {} });
  assert.deepEqual(formatResult("0.3.1", attached).ips, [
    { version: "4", ...ips[0] },
    { version: "6", ...ips[1] },
  ]);
  assert.deepEqual(formatResult("0.2.0", attached), {
    cniVersion: "0.2.0",
    ip4: { ip: "10.0.0.5/32", gateway: "10.0.0.1", routes: routes.slice(0, 2) },
    ip6: { ip: "fd00::5/128", gateway: "fd00::1", routes: routes.slice(2) },
    dns: {},
  });
  const newest = formatResult("1.1.0", attached) as { interfaces: { mtu?: number }[]; routes: { mtu?: number }[] };
  assert.equal(newest.interfaces[1]?.mtu, 1500);
  assert.equal(newest.routes[1]?.mtu, 1450);
});

test("linkLocal() turns the universal bit over and puts ff:fe in the middle", () => {
  assert.equal(linkLocal("02:00:5e:10:00:01"), "fe80::5eff:fe10:1");
  assert.equal(linkLocal("ee:f9:7b:6a:c5:3c"), "fe80::ecf9:7bff:fe6a:c53c");
});
