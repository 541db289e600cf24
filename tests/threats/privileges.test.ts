// SPDX-License-Identifier: Apache-2.0
// What the agent may do, who may talk to it, who may read what it writes, and whom it tells its secrets.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  agentProcess,
  etcdUrl,
  nodeOf,
  type SandboxNode,
  sandboxPaths,
  startAgent,
  stopAgent,
  waitForAgent,
} from "../../apps/sandbox/index.ts";
import { clientPod, echoPod, Scenario } from "../scenarios/harness.ts";

/** CAP_NET_ADMIN and CAP_SYS_ADMIN (capability.h). */
const listed = (1n << 12n) | (1n << 21n);
const password = "s3cretP4ssw0rd";

let scenario: Scenario;
let node: SandboxNode;
before(async () => {
  scenario = await Scenario.create("privileges", { nodes: 1, settings: { debug: "true" } });
  node = nodeOf(scenario.sandbox, "node1");
  await scenario.apply(clientPod("client", "node1", { app: "client" }) + echoPod("echo", "node1", { app: "echo" }));
});
after(async () => await scenario?.delete());

const paths = () => sandboxPaths(scenario.name).node("node1");

test("threats: the agent does all of its work with the listed capabilities only, and can get no others", async () => {
  const status = readFileSync(`/proc/${agentProcess(scenario.sandbox, node)?.pid}/status`, "utf8");
  for (const set of ["CapPrm", "CapEff", "CapBnd"]) {
    assert.equal(BigInt(`0x${new RegExp(`${set}:\\s*(\\w+)`).exec(status)?.[1]}`), listed, set);
  }
  assert.match(status, /^NoNewPrivs:\s*1$/m);
  assert.doesNotMatch(readFileSync(paths().agentLog, "utf8"), /does not need/);
  const probes = ([4, 6] as const).map((family) => ({
    protocol: "TCP" as const,
    ip: scenario.ip("echo", family),
    port: 7000,
  }));
  assert.deepEqual(await scenario.probe("client", probes), [true, true]);
});

test("threats: the agent's sockets are for its group, its files for nobody else", () => {
  const sockets: Record<string, number> = {};
  for (const path of filesBelow(paths().state)) {
    const { mode } = statSync(path);
    const isSocket = (mode & 0o170000) === 0o140000;
    if (isSocket) sockets[path.slice(paths().state.length + 1)] = mode & 0o777;
    else assert.equal(mode & 0o077, 0, `${path} has mode ${(mode & 0o777).toString(8)}`);
  }
  assert.equal(statSync(join(paths().state, "netns")).mode & 0o777, 0o700);
  assert.deepEqual(sockets, {
    "cilium.sock": 0o660,
    "cni.sock": 0o600,
    "health.sock": 0o660,
    "monitor1_2.sock": 0o660,
    "shell.sock": 0o660,
  });
});

test("threats: etcd's password is in no log, command line, answer or state file", async () => {
  await enableAuthentication();
  const file = join(paths().state, "..", "etcd-client.yaml");
  writeFileSync(file, `endpoints: ["${etcdUrl(scenario.sandbox)}"]\nusername: root\npassword: ${password}\n`, {
    mode: 0o600,
  });
  await stopAgent(scenario.sandbox, node);
  const settings = { ...scenario.sandbox.settings, "kvstore-opt": `etcd.config=${file}` };
  const changed = { ...scenario.sandbox, settings };
  startAgent(changed, node);
  await waitForAgent(changed, node);
  const commands = [
    ["status", "--verbose"],
    ["config", "--all"],
    ["config", "--all", "-o", "json"],
    ["status", "-o", "json"],
  ];
  const answers = await Promise.all(commands.map((args) => scenario.onNode("node1", ["cilium-dbg", ...args])));
  for (const [at, { code, stdout, stderr }] of answers.entries()) {
    const command = String(commands[at]);
    assert.equal(code, 0, `${command}: ${stderr}`);
    assert.ok(stdout.length > 50 && !stdout.includes(password), command);
  }
  const written = [paths().agentLog, ...filesBelow(paths().state).filter((path) => statSync(path).isFile())];
  const proc = `/proc/${agentProcess(scenario.sandbox, node)?.pid}`;
  for (const path of [...written, `${proc}/cmdline`, `${proc}/environ`]) {
    assert.ok(!readFileSync(path, "utf8").includes(password), path);
  }
  assert.match(readFileSync(paths().agentLog, "utf8"), /"level":"debug"|level=debug|DEBUG/i);
});

/** All but the namespace of the health endpoint: a mount without content, whose mode is the kernel's. */
function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return path.endsWith("netns/cilium-health") ? [] : [path];
  });
}

/** Etcd asks for root's password from now on. */
async function enableAuthentication(): Promise<void> {
  const steps: readonly (readonly [string, object])[] = [
    ["user/add", { name: "root", password }],
    ["role/add", { name: "root" }],
    ["user/grant", { user: "root", role: "root" }],
    ["enable", {}],
  ];
  const script = `for (const [path, body] of ${JSON.stringify(steps)}) {
    const answer = await fetch("${etcdUrl(scenario.sandbox)}/v3/auth/" + path, { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(path + ": " + (await answer.text()));
  }`;
  const { code, stderr } = await scenario.onNode("node1", [process.execPath, "--input-type=module", "-e", script]);
  assert.equal(code, 0, stderr);
}
