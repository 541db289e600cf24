// SPDX-License-Identifier: Apache-2.0
// The CNI plugin on hostile environments and configurations: always a CNI error object with code and msg.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { runPlugin } from "../../apps/cni/index.ts";
import { assertNoPollution, fuzz, type Random } from "./random.ts";

const root = join(import.meta.dirname, "../..");
const directory = mkdtempSync(join(tmpdir(), "fuzz-cni-"));
after(() => rmSync(directory, { recursive: true }));

const good = {
  ...{
    cniVersion: "1.1.0",
    name: "cilium",
    type: "cilium-cni",
    "agent-socket": join(directory, "cilium.sock"),
    mtu: 1500,
  },
  ...{ ipam: { type: "cilium", pool: "default" }, "enable-debug": false, "chaining-mode": "none" },
  ...{ labels: ["k8s:app=web"], "label-source": { runtime: "podman", socket: join(directory, "podman.sock") } },
  runtimeConfig: { mac: "02:00:00:00:00:02", ips: ["10.0.0.6/24"], portMappings: [{ hostPort: 80 }], bandwidth: {} },
  "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }],
  prevResult: {
    cniVersion: "1.1.0",
    interfaces: [{ name: "lxc1" }, { name: "eth0", mac: "02:00:00:00:00:01", sandbox: "/x" }],
    ips: [{ interface: 1, address: "10.0.0.5/32", gateway: "10.0.0.1" }],
  },
};
const goodEnv = {
  ...{
    CNI_COMMAND: "CHECK",
    CNI_CONTAINERID: "c1",
    CNI_IFNAME: "eth0",
    CNI_NETNS: "/nowhere/ns",
    CNI_PATH: "/opt/cni/bin",
  },
  CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=p;K8S_POD_NAMESPACE=n;K8S_POD_UID=4711",
};

/** An answer as the specification has it: empty, a result, or an error with code and one line of msg. */
function assertAnswer({ exitCode, output }: { exitCode: number | null; output: string }, sent: string): void {
  if (exitCode === 0) {
    assert.ok(output === "" || typeof JSON.parse(output) === "object", sent);
    return;
  }
  assert.equal(exitCode, 1, `${output} for ${sent}`);
  const error = JSON.parse(output) as Record<string, unknown>;
  assert.match(String(error["cniVersion"]), /^\d\.\d\.\d$/, sent);
  assert.ok(typeof error["msg"] === "string" && /^Cannot [^\n]*$/.test(error["msg"]), `${output} for ${sent}`);
  assert.ok(error["msg"].length < 6100, `${error["msg"].length} characters`);
  // 999 is for what nobody has thought of.
  assert.ok(Number.isInteger(error["code"]) && Number(error["code"]) < 999, `${output} for ${sent}`);
}

function mutatedEnv(random: Random): Record<string, string> {
  const entries = Object.entries({
    ...goodEnv,
    CNI_COMMAND: random.pick(["ADD", "DEL", "CHECK", "STATUS", "GC", "VERSION"]),
  });
  for (let n = random.int(0, 2); n > 0; n--) {
    const at = random.int(0, entries.length - 1);
    const [name, value] = entries[at] ?? ["", ""];
    entries[at] = [name, random.chance(0.2) ? "" : random.mutateText(value)];
  }
  return random.object(entries) as Record<string, string>;
}

/** A DEL whose agent is down leaves a file beside the socket, so its place is not for the fuzzer to choose. */
function mutatedConfig(random: Random): string {
  const config = random.chance(0.8) ? random.mutate(good) : random.json();
  if (typeof config === "object" && config !== null) {
    const fields = config as Record<string, unknown>;
    if (typeof fields["agent-socket"] === "string") fields["agent-socket"] = good["agent-socket"];
    else if (fields["agent-socket"] === undefined) fields["agent-socket"] = good["agent-socket"];
    delete fields["log-file"];
  }
  const json = JSON.stringify(config) ?? "";
  return random.chance(0.2) ? random.mutateText(json).replaceAll("/", "") : json;
}

fuzz("CNI: mutated environments and configurations", 6000, async (random) => {
  const env = mutatedEnv(random);
  const stdin = mutatedConfig(random);
  if (env["CNI_COMMAND"] === "DEL" && !stdin.includes(good["agent-socket"])) env["CNI_COMMAND"] = "CHECK";
  assertAnswer(await runPlugin({ env, stdin, patience: 0 }), JSON.stringify({ env, stdin }).slice(0, 2000));
  assertNoPollution();
});

const cases: readonly (readonly [string, Record<string, string>, unknown, number])[] = [
  ["a version that is a list of lists", {}, `{"cniVersion":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, 1],
  ["a version that cannot be a text", {}, { ...good, cniVersion: { toString: 1 } }, 1],
  [
    "an MTU of lists",
    {},
    `{"cniVersion":"1.0.0","name":"a","type":"b","mtu":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    7,
  ],
  ["a socket with NUL", {}, { ...good, "agent-socket": "/x\u0000/y" }, 7],
  ["a socket too long", {}, { ...good, "agent-socket": `/${"x".repeat(200)}` }, 7],
  ["2 MiB", {}, `"${"x".repeat(2 << 20)}"`, 6],
  ["a number that the kernel would choose", { CNI_IFNAME: "eth%d" }, good, 4],
  ["the settings of all devices", { CNI_IFNAME: "all" }, good, 4],
  ["a pod name with a path", { CNI_ARGS: "K8S_POD_NAME=../x" }, good, 4],
  ["a pod name that steers a terminal", { CNI_ARGS: "K8S_POD_NAMESPACE=\u001b[2J" }, good, 4],
  [
    "an address that is an object",
    {},
    { ...good, prevResult: { interfaces: good.prevResult.interfaces, ips: [{ address: { toString: 1 } }] } },
    7,
  ],
];
for (const [what, env, config, code] of cases) {
  test(`threats: CNI with ${what} is error ${code}`, async () => {
    const stdin = typeof config === "string" ? config : JSON.stringify(config);
    const outcome = await runPlugin({ env: { ...goodEnv, ...env }, stdin, patience: 0 });
    assertAnswer(outcome, what);
    assert.equal((JSON.parse(outcome.output) as { code: number }).code, code, outcome.output);
  });
}

test("threats: a log file that is a pipe without reader holds nothing up", async () => {
  const pipe = join(directory, "pipe.log");
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  assertAnswer(
    await runPlugin({ env: goodEnv, stdin: JSON.stringify({ ...good, "log-file": pipe }), patience: 0 }),
    "pipe",
  );
});

/** Runs the plug-in as a runtime does. */
async function run(env: Record<string, string>, input: string | Buffer | number) {
  const child = spawn(join(root, "bin/cilium-cni"), {
    env: { PATH: process.env.PATH, ...env },
    stdio: [typeof input === "number" ? input : "pipe", "pipe", "pipe"],
  });
  if (child.stdout === null || child.stderr === null) throw new Error("no pipes");
  const [output, errors] = [text(child.stdout), text(child.stderr)];
  child.stdin?.on("error", () => undefined);
  if (typeof input !== "number") child.stdin?.end(input);
  const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { exitCode, output: await output, errors: await errors };
}

test("threats: the real process answers with a CNI error, and nothing on stderr", async () => {
  const folder = openSync("/", "r");
  const json = JSON.stringify(good);
  const processes: readonly (readonly [string, Record<string, string>, string | Buffer | number])[] = [
    ["nothing", {}, ""],
    ["a folder on stdin", { CNI_COMMAND: "CHECK" }, folder],
    ["binary", goodEnv, Buffer.from([0, 255, 254, 10, 0, 1])],
    ["20 MB", goodEnv, Buffer.alloc(20 << 20, "[")],
    ["deep nesting", goodEnv, "[".repeat(500_000)],
    ["bytes in a name", { ...goodEnv, CNI_IFNAME: "\u001b]0;x\u0007" }, json],
    ["shell words", { ...goodEnv, CNI_COMMAND: "DEL", CNI_CONTAINERID: "$(touch /tmp/x)" }, json],
  ];
  const outcomes = await Promise.all(
    processes.map(async ([what, env, input]) => ({ what, ...(await run(env, input)) })),
  );
  closeSync(folder);
  for (const { what, exitCode, output, errors } of outcomes) {
    assert.equal(exitCode, 1, `${what}: ${errors}`);
    assertAnswer({ exitCode, output }, what);
    assert.equal(errors, "", what);
  }
});
