// SPDX-License-Identifier: Apache-2.0
// Nothing is left behind by delete, whatever was killed before.
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  deleteSandbox,
  findRemains,
  killAgent,
  killEtcd,
  openSandbox,
  sandboxPaths,
} from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { type KernelObjects, objectsInKernel, pinnedObjects } from "../../src/datapath/index.ts";
import { BpfMap, cgroupRoot } from "../../src/kernel/index.ts";
import { clientPod, echoPod, scenarioName } from "./harness.ts";

const cilium = join(import.meta.dirname, "../../bin/cilium");
const name = scenarioName("delete");
const policy = `---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: echo}
spec: {endpointSelector: {matchLabels: {app: echo}}, ingress: [{fromEndpoints: [{matchLabels: {app: client}}]}]}
`;
let folder: string;
let manifests: string;

before(() => {
  folder = mkdtempSync(join(tmpdir(), "sandbox-delete-"));
  manifests = join(folder, "pods.yaml");
  const pods = ["node1", "node2"].flatMap((node) => [
    echoPod(`echo-${node}`, node, { app: "echo" }),
    clientPod(`one-${node}`, node, { app: "client" }),
    clientPod(`two-${node}`, node, { app: "client" }),
  ]);
  writeFileSync(manifests, pods.join("") + policy);
});

after(async () => {
  await deleteSandbox(name);
  rmSync(folder, { recursive: true });
});

function sandbox(...args: string[]): ChildProcess {
  return spawn(cilium, ["sandbox", ...args, "--name", name], { stdio: ["ignore", "ignore", "inherit"] });
}

/** Its exit code, also when it ended before. */
const ended = (child: ChildProcess): Promise<number | null> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve(child.exitCode)
    : new Promise((resolve) => child.once("exit", resolve));

/** Everything on the machine that has the sandbox's name in it. */
function traces(): string[] {
  const found: string[] = readdirSync("/run/netns").filter((netns) => netns.includes(name));
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n"))
    if (line.includes(name)) found.push(line);
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)) {
    const command = readCommand(pid);
    if (command.includes(name)) found.push(`${pid} ${command}`);
  }
  return findRemains(name).found ? [...found, JSON.stringify(findRemains(name))] : found;
}

/** What a sandbox could change outside of its own namespaces: devices, routes, rules, sysctls, groups, folders. */
function host(): string[] {
  const ip = (...args: string[]) => execFileSync("ip", args, { encoding: "utf8" }).trim().split("\n");
  const sysctls = [
    "ipv4/ip_forward",
    "ipv4/conf/all/rp_filter",
    "ipv4/conf/default/rp_filter",
    "ipv6/conf/all/forwarding",
  ];
  return [
    ...readdirSync("/sys/class/net").map((device) => `device ${device}`),
    ...[...ip("-4", "route", "show", "table", "all"), ...ip("-6", "route", "show", "table", "all")],
    ...[...ip("-4", "rule"), ...ip("-6", "rule")],
    ...sysctls.map((path) => `${path} ${readFileSync(`/proc/sys/net/${path}`, "utf8")}`),
    ...cgroupFolders(cgroupRoot()).filter((path) => path.includes(name)),
    ...readdirSync("/run").filter((entry) => entry.includes(name)),
  ];
}

function cgroupFolders(root: string): string[] {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}

/** Links, programs and maps of all nodes. */
function bpfObjects(): KernelObjects[] {
  return openSandbox(name).nodes.map((node) => pinnedObjects(sandboxPaths(name).node(node.name).bpf));
}

function readCommand(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return ""; // it ended
  }
}

function namespaceOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}

test("two nodes and six pods under a policy; delete after a plain life leaves nothing", async () => {
  const before = host();
  assert.equal(await ended(sandbox("create")), 0);
  assert.equal(await ended(sandbox("apply", "-f", manifests)), 0);
  assert.equal(readdirSync(`/run/cilium-sandbox/${name}/pods`).length, 6);
  assert.notDeepEqual(traces(), []);
  assert.notDeepEqual(host(), before);
  // Two entries for each of three pods on a node, which begin without links, and the three of the node's own devices.
  const linked = () => bpfObjects().every(({ links }) => links.size >= 9);
  await eventually("links of all programs", linked);
  const objects = bpfObjects();
  for (const { links, programs, maps } of objects) assert.ok(links.size >= 9 && programs.size >= 11 && maps.size >= 15);
  assert.equal(await ended(sandbox("delete")), 0);
  assert.deepEqual(traces(), []);
  assert.deepEqual(host(), before);
  assert.deepEqual(objects.flatMap(objectsInKernel), []);
});

test("delete after kill -9 of agents, etcd and the commands themselves leaves nothing", async () => {
  assert.equal(await ended(sandbox("create")), 0);
  const apply = sandbox("apply", "-f", manifests);
  await sleep(350);
  apply.kill("SIGKILL");
  await ended(apply);
  const record = openSandbox(name);
  for (const node of record.nodes) await killAgent(record, node);
  killEtcd(record);
  assert.notDeepEqual(traces(), []);
  const objects = bpfObjects();
  assert.equal(await ended(sandbox("delete")), 0);
  assert.deepEqual(traces(), []);
  assert.deepEqual(objects.flatMap(objectsInKernel), []);
});

test("delete after kill -9 of create at any moment leaves nothing", async () => {
  for (const ms of [200, 260, 330, 420, 700, 1200]) {
    const create = sandbox("create");
    await sleep(ms);
    create.kill("SIGKILL");
    await ended(create);
    await deleteSandbox(name);
    assert.deepEqual(traces(), [], `killed after ${ms} ms`);
  }
});

test("delete ends processes that entered a namespace on their own, without any record of the sandbox", async () => {
  assert.equal(await ended(sandbox("create", "--nodes", "1")), 0);
  const netns = `/run/netns/cilium-${name}-node1`;
  const stranger = spawn("nsenter", [`--net=${netns}`, "sleep", "60"], { stdio: "ignore" });
  await eventually("a stranger in the namespace", () => namespaceOf(stranger.pid ?? 0) !== namespaceOf(process.pid));
  rmSync(`/run/cilium-sandbox/${name}/sandbox.json`);
  const end = ended(stranger);
  assert.equal(await ended(sandbox("delete")), 0);
  await end;
  assert.equal(stranger.signalCode, "SIGKILL");
  assert.deepEqual(traces(), []);
});

test("delete names a map that a process keeps from going, and has removed everything else", async () => {
  assert.equal(await ended(sandbox("create", "--nodes", "1")), 0);
  const pin = join(sandboxPaths(name).node("node1").bpf, "tc/globals/cilium_lxc");
  {
    using map = BpfMap.openPinned(pin);
    await assert.rejects(deleteSandbox(name), new RegExp(`: map ${map.name} \\(id ${map.id}\\) stay \\(`));
  }
  assert.deepEqual(traces(), []);
});

test("delete of a sandbox that is not there fails and says so", async () => {
  assert.equal(await ended(sandbox("delete")), 1);
});
