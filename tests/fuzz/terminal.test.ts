// SPDX-License-Identifier: Apache-2.0
// What the agent says, with escape sequences in every text of it, through the real command line: no terminal is steered.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import * as abi from "../../src/abi/index.ts";
import {
  type AgentApi,
  type ApiServer,
  createApiServer,
  createMonitorServer,
  type Endpoint,
  encodeAgentNotify,
  type MonitorServer,
} from "../../src/api/index.ts";
import { createMemoryAgent } from "../../src/api/testing.ts";
import { configureLogging } from "../../src/core/index.ts";

configureLogging({ level: "silent" });

/** Clears the screen, sets a title, turns the direction of writing, and begins a line of its own. */
const evil = "\u001b[2J\u009b31m\u001b]0;x\u0007\u202e\u2066\r\u0008\nFAKE LINE";
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** The value with the sequences behind each of its texts. */
function poison(value: unknown): unknown {
  if (typeof value === "string") return `${value}${evil}`;
  if (Array.isArray(value)) return value.map(poison);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, poison(item)]));
}

const group = { "cgroup-id": 1, "cgroup-path": "/x" };
const selector = {
  selector: "&LabelSelector{}",
  labels: [[{ source: "k8s", key: "policy.name", value: "p" }]],
  identities: [4711],
  users: 1,
};
const endpoint: Endpoint = {
  id: 12,
  status: {
    "external-identifiers": {
      "container-id": "c1",
      "cni-attachment-id": "c1:eth0",
      "k8s-pod-name": "p",
      "k8s-namespace": "n",
    },
    identity: { id: 4711, labels: ["k8s:app=web"] },
    labels: { "security-relevant": ["k8s:app=web"] },
    networking: { addressing: [{ ipv4: "10.0.0.5", ipv6: "fd00::5" }], mac: "02:00:00:00:00:01" },
    policy: { realized: { "policy-revision": 1, "policy-enabled": "both" } },
    state: "ready",
    health: { overallHealth: "OK", bpf: "OK", policy: "OK", connected: true },
    log: [{ timestamp: "2026-01-01T00:00:00Z", code: "failed", state: "not-ready", message: "it failed" }],
  },
};
const memory = createMemoryAgent({
  override: {
    healthz: () => ({ cilium: { state: "Ok", msg: "well" }, encryption: { mode: "Disabled", msg: "off" } }),
    cgroups: () => ({ "pod-metadatas": [{ name: "p", namespace: "n", containers: [group], ips: ["10.0.0.5"] }] }),
    policySelectors: () => [selector],
    policySubjectSelectors: () => [selector],
    endpointConfig: () => ({ realized: { options: { Debug: "Enabled" } } }),
  },
  endpoints: [endpoint],
  identities: [{ id: 4711, labels: ["k8s:app=web"] }],
  ips: [
    {
      cidr: "10.0.0.5/32",
      identity: 4711,
      hostIP: "172.31.240.2",
      encryptKey: 0,
      metadata: { source: "kvstore", name: "p", namespace: "n" },
    },
  ],
  nodes: [
    {
      name: "default/node2",
      "primary-address": { ipv4: { ip: "172.31.240.3", "alloc-range": "10.1.2.0/24" } },
      source: "kvstore",
    },
  ],
});
memory.policies.push({ kind: "CiliumNetworkPolicy", metadata: { name: "p" } });

const notPoisoned: readonly string[] = ["subscribeMonitor", "metrics"];
const api = Object.fromEntries(
  Object.entries(memory.api).map(([name, call]: [string, (...args: unknown[]) => unknown]) => [
    name,
    notPoisoned.includes(name) ? call : async (...args: unknown[]) => poison(await call(...args)),
  ]),
) as unknown as AgentApi;
// These are answered at once, not by a promise.
Object.assign(api, { version: () => poison(memory.api.version()) });

const directory = mkdtempSync(join(tmpdir(), "fuzz-terminal-"));
const socketPath = join(directory, "cilium.sock");
let server: ApiServer;
let monitor: MonitorServer;

before(async () => {
  server = createApiServer({ api, socketPath });
  monitor = createMonitorServer({ api: memory.api, socketPath: join(directory, "monitor1_2.sock") });
  await server.start();
  await monitor.start();
});
after(async () => {
  await server.stop();
  await monitor.stop();
  rmSync(directory, { recursive: true });
});

const root = join(import.meta.dirname, "../..");

function start(args: readonly string[]) {
  const child = spawn(join(root, "bin/cilium-dbg"), args, {
    env: { PATH: process.env.PATH, CILIUM_SOCK: socketPath },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const done = Promise.all([text(child.stdout), text(child.stderr)]);
  return { child, done };
}

/** `structured`: JSON, YAML and what templates make of them have lines of their own. */
function assertHarmless(output: string, what: string, structured = false): void {
  const at = output.search(steering);
  assert.equal(at, -1, `${what}: ${JSON.stringify(output.slice(Math.max(0, at - 40), at + 80))}`);
  if (structured) return;
  assert.doesNotMatch(output, /^FAKE LINE/m, `${what} has a line of another's making:\n${output.slice(0, 2000)}`);
}

const commands: readonly string[] = [
  ...["status", "status --verbose", "status --brief", "version", "config", "endpoint list", "endpoint get 12"],
  ...["endpoint health 12", "endpoint log 12", "identity list", "identity get 4711", "identity list --endpoints"],
  ...["ip list", "ip list --verbose", "node list", "policy get", "endpoint list -o json", "endpoint list -o yaml"],
  ...["identity list -o yaml", "endpoint list -o jsonpath={[*].status.labels}", "endpoint get 13", "config get x"],
  ...["config --all", "map list --verbose", "map get cilium_lxc", "nodeid list", "endpoint labels 12", "cgroups list"],
  ...["policy selectors -v", "policy subject-selectors", "ip get 10.0.0.5/32", "encrypt status", "endpoint config 12"],
];
const structured = / -o |^policy get|^endpoint get/;
for (let from = 0; from < commands.length; from += 4) {
  const some = commands.slice(from, from + 4);
  test(`threats: ${some.join(", ")} print no escape sequence and no line of others`, async () => {
    await Promise.all(
      some.map(async (command) => {
        const { done } = start(command.split(" "));
        const [stdout, stderr] = await done;
        assert.ok(stdout.length + stderr.length > 0, command);
        assertHarmless(stdout, command, structured.test(command));
        assertHarmless(stderr, `${command} (stderr)`);
      }),
    );
  });
}

test("threats: arguments are not sent to the terminal as they are", async () => {
  for (const args of [
    [evil],
    ["endpoint", "get", evil],
    ["endpoint", "list", `-o${evil}`],
    [`--${evil}`],
    ["status", "--host", `/x${evil}`],
  ]) {
    const [stdout, stderr] = await start(args).done;
    assertHarmless(stdout + stderr, JSON.stringify(args));
  }
});

test("threats: monitor prints labels, messages and packets of others without steering", async () => {
  for (const form of [[], ["-v"], ["-j"], ["--hex"]]) {
    const { child, done } = start(["monitor", ...form]);
    let printed = "";
    child.stdout.on("data", (part) => {
      printed += String(part);
    });
    await until("it listens", () => monitor.listeners === 1);
    for (const data of records()) memory.emit({ data, cpu: 0, lost: 0, type: 9 });
    await until("it has printed the last record", () => printed.includes("250"));
    child.kill("SIGINT");
    const [stdout, stderr] = await done;
    assertHarmless(stdout, `monitor ${form}`, form[0] === "-j");
    assertHarmless(stderr, `monitor ${form} (stderr)`);
    await until("it is gone", () => monitor.listeners === 0);
  }
});

/** A drop whose packet is such text, records that are nothing but it or cut off, and at last one of a type 250. */
function records(): readonly Buffer[] {
  const packet = Buffer.from(evil.repeat(4), "utf8");
  const header = {
    ...{ type: abi.EventType.EVENT_DROP, subtype: 133, source: 12, hash: 1, lenOrig: packet.length },
    ...{ lenCap: packet.length, version: 2, extVersion: 0 },
  };
  const drop = abi.encodeDropEvent({
    ...{ header, sourceIdentity: 4711, destinationIdentity: 4711, destinationEndpoint: 12, line: 1, file: 2 },
    ...{ extError: 0, ifindex: 0, flags: 0, direction: 1, ipTraceId: 0n, cookie: 0, policySet: 5 },
  });
  const cut = Buffer.from(drop.subarray(0, 20));
  const told = Buffer.from(encodeAgentNotify("Endpoint created", { labels: [evil] }));
  // A text that is no JSON.
  const untold = Buffer.concat([told.subarray(0, told.indexOf("{")), Buffer.alloc(told.length, evil)]).subarray(
    0,
    told.length,
  );
  return [
    Buffer.concat([drop, packet]),
    Buffer.from(evil),
    Buffer.alloc(3),
    cut,
    told,
    untold,
    Buffer.from([250, 1, 2]),
  ];
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > end) assert.fail(`not within 60 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
