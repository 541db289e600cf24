// SPDX-License-Identifier: Apache-2.0
// post-uninstall-cleanup gives the machine back as it was before the first agent, and touches nothing of others.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { AgentNode } from "../../apps/agent/testing.ts";
import {
  attachTcx,
  BpfLink,
  BpfMap,
  BpfProgram,
  mapIds,
  mountBpffs,
  ProgramType,
  programIds,
  Rtnetlink,
  withNetns,
  writeSysctl,
} from "../../src/kernel/index.ts";
import { differences, look, type Machine } from "./machine.ts";

const cilium = join(import.meta.dirname, "../../bin/cilium-dbg");
const command = "post-uninstall-cleanup";
const manifest = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: b}
spec: {endpointSelector: {matchLabels: {app: b}}, ingress: [{fromEndpoints: [{matchLabels: {app: a}}]}]}
`;
/** mov r0, -1 (TCX_NEXT); exit. */
const pass = new Uint8Array([0xb7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x95, 0, 0, 0, 0, 0, 0, 0]);

/** `prepare` may add to the machine. Link-local addresses have settled, so that they do not change by themselves. */
async function newNode(t: TestContext, prepare: (node: AgentNode) => void = () => {}): Promise<AgentNode> {
  const node = new AgentNode();
  t.after(async () => await node.close());
  node.writeManifest("policy.yaml", manifest);
  prepare(node);
  await node.until("addresses are settled", async () => {
    return !lookAt(node).addresses?.some((line) => line.includes("tentative"));
  });
  return node;
}

/** The machine, without what pods and the plugin's log add: that is not the agent's. */
function lookAt(node: AgentNode): Machine {
  const machine = look({ netns: node.netns("node"), folder: node.directory, name: node.name });
  return {
    ...machine,
    namespaces: (machine.namespaces ?? []).filter((name) => name === `${node.name}-node`),
    files: (machine.files ?? []).filter((name) => name !== "cni.log"),
  };
}

async function runPods(node: AgentNode) {
  const { child } = await node.startAgent();
  await node.cni("ADD", "a");
  await node.cni("ADD", "b");
  // Endpoints begin on filters and get their links a moment later.
  const links = join(node.bpfRoot, "cilium/endpoints");
  await node.until("both endpoints have links", async () => {
    const ids = existsSync(links) ? readdirSync(links) : [];
    return ids.filter((id) => readdirSync(join(links, id, "links")).length === 2).length === 2;
  });
  return child;
}

const cleanup = async (node: AgentNode, ...args: string[]) =>
  await node.run("node", [cilium, command, "--state-dir", node.stateDir, ...args]);

/** Ids of what is pinned at the bpffs root, and of the programs on hooks. */
function objects(node: AgentNode): { programs: number[]; maps: number[] } {
  const root = join(node.bpfRoot, "tc/globals");
  const maps = readdirSync(root)
    .filter((name) => name.startsWith("cilium_"))
    .map((name) => {
      using map = BpfMap.openPinned(join(root, name));
      return map.id;
    });
  const links = readdirSync(join(node.bpfRoot, "cilium"), { recursive: true, withFileTypes: true });
  const programs = links
    .filter((entry) => !entry.isDirectory())
    .map((entry) => {
      using link = BpfLink.openPinned(join(entry.parentPath, entry.name));
      return link.info().programId;
    });
  return { programs, maps };
}

/** Values that the agent changes, and that must come back. */
function unusualSysctls(node: AgentNode): void {
  withNetns(node.netns("node"), () => {
    for (const [name, value] of [
      ["net/ipv4/ip_forward", 0],
      ["net/ipv4/conf/eth0/forwarding", 1],
      ["net/ipv4/conf/all/rp_filter", 2],
      ["net/ipv4/conf/default/rp_filter", 1],
      ["net/ipv6/conf/all/forwarding", 0],
      ["net/ipv6/conf/default/disable_ipv6", 1],
    ] as const) {
      writeSysctl(name, value);
    }
  });
}

test("after a kill -9 with two pods the machine is as before the first start, and nothing is left in the kernel", async (t) => {
  const node = await newNode(t, unusualSysctls);
  const before = lookAt(node);
  const agent = await runPods(node);
  const running = lookAt(node);
  for (const key of ["links", "addresses", "routes4", "routes6", "tcx", "sysctls", "mounts", "files"]) {
    assert.notDeepEqual(running[key], before[key], `the agent should change ${key}`);
  }
  const { programs, maps } = objects(node);
  assert.ok(programs.length >= 7 && maps.length >= 15, JSON.stringify({ programs, maps }));
  await node.end(agent, "SIGKILL");
  const { code, stdout, stderr } = await cleanup(node, "--force");
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^Removed:\n/);
  for (const line of [
    "device cilium_host",
    "map tc/globals/cilium_lxc",
    "sysctl net/ipv4/ip_forward, again 0",
    "mount ",
  ]) {
    assert.ok(stdout.includes(`  ${line}`), `${line}:\n${stdout}`);
  }
  assert.match(stdout, /\nRemains: nothing \(looked again\)\n$/);
  assert.deepEqual(differences(before, lookAt(node)), []);
  const [ids, kept] = [new Set(programIds()), new Set(mapIds())];
  assert.deepEqual([programs.filter((id) => ids.has(id)), maps.filter((id) => kept.has(id))], [[], []]);
  const again = await cleanup(node, "--force", "--bpf-root", node.bpfRoot);
  assert.deepEqual([again.code, again.stdout], [0, "Removed: nothing was there\nRemains: nothing (looked again)\n"]);
});

/** Devices, routes, a rule, pins and a program of somebody else, some with names like ours. */
function strangers(node: AgentNode): void {
  mountBpffs(node.bpfRoot);
  mkdirSync(node.stateDir);
  writeFileSync(join(node.stateDir, "notes.txt"), "not the agent's\n");
  withNetns(node.netns("node"), () => {
    using rtnl = new Rtnetlink();
    const bridge = rtnl.createBridge({ name: "lxcbr0" });
    rtnl.setLink(bridge.ifindex, { up: true });
    rtnl.createVeth({ name: "lxc-web", peer: { name: "lxc0123456789ab" } });
    rtnl.replaceRoute({ destination: "10.77.0.0/16", ifindex: bridge.ifindex, scope: "link" });
    rtnl.addRule({ family: 4, priority: 77, table: 77 });
    using program = BpfProgram.load({ type: ProgramType.BPF_PROG_TYPE_SCHED_CLS, instructions: pass, name: "other" });
    const { ifindex } = rtnl.link("eth0") ?? assert.fail("no eth0");
    attachTcx({ program, ifindex, hook: "ingress", pin: join(node.bpfRoot, "other/link") }).close();
    mkdirSync(join(node.bpfRoot, "tc/globals"), { recursive: true });
    program.pin(join(node.bpfRoot, "tc/globals/other_program"));
  });
}

test("what others have made stays: devices named like ours, routes, rules, pins, programs, files, the mount", async (t) => {
  const node = await newNode(t, strangers);
  const before = lookAt(node);
  const agent = await runPods(node);
  await node.end(agent, "SIGTERM");
  const { code, stdout, stderr } = await cleanup(node, "--all-state", "-f");
  assert.equal(code, 0, stdout + stderr);
  assert.deepEqual(differences(before, lookAt(node)), []);
});

test("it refuses while an agent runs, elsewhere, and without a yes; --bpf-state takes BPF state alone", async (t) => {
  const node = await newNode(t);
  const agent = await runPods(node);
  const before = lookAt(node);
  const refused = await cleanup(node, "--force");
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    new RegExp(`^Error: Cannot clean up: pid ${agent.pid} runs on "${node.stateDir}" already`),
  );
  const other = join(node.directory, "other");
  const kept = await node.run("node", [cilium, command, "-f", "--state-dir", other, "--bpf-root", node.bpfRoot]);
  assert.equal(kept.code, 1);
  assert.match(kept.stderr, /^Error: Cannot clean up: an agent with another state folder keeps "/);
  assert.deepEqual(differences(before, lookAt(node)), []);

  await node.end(agent, "SIGKILL");
  const stopped = lookAt(node);
  const elsewhere = await node.run("a", [cilium, command, "-f", "--state-dir", node.stateDir]);
  assert.match(elsewhere.stderr, /^Error: Cannot clean up: the agent of ".*" ran in another network namespace/);
  assert.match((await cleanup(node)).stderr, /^Error: Cannot clean up: nobody to ask, .* \(use --force\)\n$/);
  const line = `${cilium} ${command} --state-dir ${node.stateDir}`;
  const asked = await node.run("node", ["script", "-qec", line, "/dev/null"], {}, "n\n");
  assert.equal(asked.code, 1, asked.stdout);
  assert.match(
    asked.stdout,
    /You are about to remove:[\s\S]*- device cilium_vxlan[\s\S]*\[y\/N\] [\s\S]*Nothing was removed/,
  );
  const withoutLock = ({ files = [], ...rest }: Machine) => ({
    ...rest,
    files: files.filter((f) => !f.endsWith(".pid")),
  });
  assert.deepEqual(differences(withoutLock(stopped), withoutLock(lookAt(node))), []);

  const { code, stdout } = await cleanup(node, "--bpf-state", "--force");
  assert.equal(code, 0, stdout);
  const after = lookAt(node);
  assert.deepEqual([after.tcx, after.links?.length], [[], stopped.links?.length]);
  assert.ok(!existsSync(join(node.bpfRoot, "cilium")) && !existsSync(join(node.bpfRoot, "tc")));
  // The agent makes it again from its state folder.
  await node.startAgent();
  await node.until("both endpoints are ready", async () => {
    const endpoints = await node.client.listEndpoints();
    return endpoints.length === 2 && endpoints.every(({ status }) => status.state === "ready");
  });
  assert.equal(node.kernel().slots.length, 2);
});
