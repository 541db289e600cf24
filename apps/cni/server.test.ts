// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { cniSocketPath, createCniServer, parseRequest } from "./server.ts";

async function setup(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "cni-server-"));
  const calls: { env: NodeJS.ProcessEnv; stdin: string }[] = [];
  const path = cniSocketPath(join(folder, "cilium.sock"));
  const server = createCniServer(path, async ({ env, stdin, onBegun }) => {
    calls.push({ env, stdin });
    if (env.CNI_ARGS === "begin") onBegun?.();
    if (env.CNI_ARGS === "begin" || env.CNI_ARGS === "end") throw new Error("ended in the middle");
    return { exitCode: 1, output: '{"code": 7}\n' };
  });
  await server.start();
  t.after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });
  return { path, calls };
}

async function send(path: string, request: string): Promise<string> {
  const socket = createConnection({ path, allowHalfOpen: true });
  socket.end(request);
  // The answer to too much is a reset.
  return await text(socket).catch((error: NodeJS.ErrnoException) => error.code ?? "");
}

test("a request is variables, an empty line, and stdin; the answer the exit code and stdout", async (t) => {
  const { path, calls } = await setup(t);
  const stdin = '{"a": 1,\n\n"b": 2}\n';
  assert.equal(await send(path, `CNI_COMMAND=ADD\nCNI_ARGS=A=1;B=2\n\n${stdin}`), '1\n{"code": 7}\n');
  assert.deepEqual(calls, [{ env: { CNI_COMMAND: "ADD", CNI_ARGS: "A=1;B=2" }, stdin }]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("what is no request gets no answer, and the next one does", async (t) => {
  const { path, calls } = await setup(t);
  for (const bad of ["", "CNI_COMMAND=ADD\n", "PATH=/\n\n{}", `CNI_ARGS=${"x".repeat(3 << 20)}\n\n`]) {
    assert.match(await send(path, bad), /^(?:ECONNRESET|EPIPE)?$/);
  }
  assert.equal(calls.length, 0);
  assert.match(await send(path, "CNI_COMMAND=ADD\n\n{}"), /^1\n/);
});

test("a call about a namespace that is another file for the agent is left to its caller", async (t) => {
  const { path, calls } = await setup(t);
  const { dev, ino } = statSync("/proc/self/ns/net");
  const request = (file: string) => `CNI_COMMAND=ADD\nCNI_NETNS=/proc/self/ns/net\nCNI_NETNS_FILE=${file}\n\n{}`;
  assert.equal(await send(path, request(`${dev}:${ino + 1}`)), "2\n");
  assert.match(await send(path, request(`${dev}:${ino}`)), /^1\n/);
  assert.deepEqual(calls, [{ env: { CNI_COMMAND: "ADD", CNI_NETNS: "/proc/self/ns/net" }, stdin: "{}" }]);
});

test("only CNI_ variables are taken", () => {
  assert.throws(() => parseRequest("LD_PRELOAD=x\n\n{}"), /no CNI_ variable/);
  assert.deepEqual(parseRequest("CNI_A=\n\n"), { env: { CNI_A: "" }, stdin: "" });
});

const launcher = join(import.meta.dirname, "../../bin/cilium-cni");
const handOver = join(import.meta.dirname, "../../build/bin/cni-hand-over");

test("the launcher hands calls over unchanged, and prints what comes back", async (t) => {
  const { path, calls } = await setup(t);
  const socket = path.replace(/cni\.sock$/, "cilium.sock");
  const stdin = `{ "name": "x $HOME \`id\` \\n",\n\n  "agent-socket" : "unix://${socket}"}`;
  const env = {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/run/netns/none-such",
    CNI_IFNAME: "eth0",
    CNI_ARGS: "A=$(id);IgnoreUnknown=1",
    CNI_PATH: "/x",
  };
  const { code, stdout } = await launch(env, stdin);
  assert.equal(code, 1);
  assert.deepEqual(JSON.parse(stdout), { code: 7 });
  assert.deepEqual(calls, [{ env, stdin }]);
});

test("the launcher does it itself when the agent has no such socket, or might see another namespace", async (t) => {
  const { path, calls } = await setup(t);
  const socket = path.replace(/cni\.sock$/, "cilium.sock");
  const json = (agent: string) =>
    JSON.stringify({ cniVersion: "1.0.0", name: "x", type: "cilium-cni", "agent-socket": agent });
  const env = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0", CNI_PATH: "/x" };
  for (const [netns, agent] of [
    ["/run/netns/none-such", "/nowhere/cilium.sock"],
    ["/proc/1/ns/none-such", socket],
  ] as const) {
    const { code, stdout } = await launch({ ...env, CNI_NETNS: netns }, json(agent));
    assert.equal(code, 1);
    assert.equal((JSON.parse(stdout) as { code: number }).code, 4, stdout);
  }
  assert.equal(calls.length, 0);
});

test("threats: the launcher takes for its own what an agent began that ended, and nothing else", async (t) => {
  const { path } = await setup(t);
  const stdin = JSON.stringify({ "agent-socket": path.replace(/cni\.sock$/, "cilium.sock") });
  for (const [args, begun] of [
    ["begin", true],
    ["end", false],
  ] as const) {
    const { stdout } = await launch({ CNI_COMMAND: "ADD", CNI_ARGS: args }, stdin, [handOver, "/usr/bin/env"]);
    assert.match(stdout, /^CNI_COMMAND=ADD$/m);
    assert.equal(/^CILIUM_CNI_BEGUN=1$/m.test(stdout), begun, stdout);
  }
});

test("threats: a configuration without end is error 6, and reaches nobody", async (t) => {
  const { calls } = await setup(t);
  const env = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0", CNI_NETNS: "/run/netns/none-such" };
  const { code, stdout } = await launch(env, " ".repeat(3 * 1024 * 1024));
  assert.equal(code, 1);
  assert.equal((JSON.parse(stdout) as { code: number }).code, 6, stdout);
  assert.equal(calls.length, 0);
});

function launch(
  env: Record<string, string>,
  input: string,
  [program, ...args]: readonly [string, ...string[]] = [launcher],
): Promise<{ code: number | null; stdout: string }> {
  const child = spawn(program, args, { env: { PATH: process.env.PATH, ...env }, stdio: ["pipe", "pipe", "inherit"] });
  const stdout = text(child.stdout);
  // Who has seen enough closes its end.
  child.stdin.on("error", (error: NodeJS.ErrnoException) => assert.equal(error.code, "EPIPE"));
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => stdout.then((all) => resolve({ code, stdout: all }), reject));
  });
}
