// SPDX-License-Identifier: Apache-2.0
// cilium-health, and the block of `cilium status`.
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { HealthStatusResponse, PathStatus } from "../../src/api/index.ts";
import { createMemoryAgent } from "../../src/api/testing.ts";
import { status } from "./fixtures.ts";
import { golden, startCli } from "./harness.ts";

const env = { CILIUM_PROGRAM: "cilium-health" };
const lastProbed = "2026-01-02T11:59:50.000Z";

function path(ip: string, latency: number, problem = ""): PathStatus {
  const result = { latency: problem === "" ? latency : 0, status: problem, lastProbed };
  return { ip, icmp: result, http: { ...result, latency: result.latency * 3 } };
}

function healthOf(nodes: number): HealthStatusResponse {
  const others = Array.from({ length: nodes - 1 }, (_, index) => ({
    name: `default/node${index + 2}`,
    host: { "primary-address": path(`172.31.0.${index + 2}`, 812_500, index === 0 ? "no reply within 3 s" : "") },
    "health-endpoint": {
      "primary-address": {
        ...path(`10.0.${index + 2}.7`, 1_204_000, index < 12 ? "ECONNREFUSED" : ""),
        mtu: { expected: 1450, measured: index === 0 ? 1350 : 1450, lastProbed },
      },
      "secondary-addresses": [{ ip: `fd00::${index + 2}:7` }],
    },
  }));
  const first = { name: "default/node1", host: { "primary-address": path("172.31.0.1", 90_000) } };
  const local = { name: "default/node1" };
  return { timestamp: lastProbed, probeInterval: "10s", local, nodes: [first, ...others] };
}

async function startHealth(t: Parameters<typeof startCli>[0], nodes: number) {
  let probes = 0;
  const clusterHealth = {
    status: () => healthOf(nodes),
    probe: async () => {
      probes++;
      return healthOf(nodes);
    },
  };
  const withHealth = { ...status, cluster: { ...status.cluster, ciliumHealth: { state: "Ok" as const } } };
  const override = { clusterHealth, healthz: () => withHealth };
  return { cli: await startCli(t, createMemoryAgent({ override }).api), probes: () => probes };
}

test("cilium-health status shows a line for each node, --verbose each path", async (t) => {
  const { cli, probes } = await startHealth(t, 3);
  golden("health-status", (await cli.run(["status"], { env })).stdout);
  golden("health-status-verbose", (await cli.run(["status", "--verbose", "--probe"], { env })).stdout);
  assert.equal(probes(), 1);
  golden("health-status", (await cli.run(["connectivity", "--succinct"], { env })).stdout);
  assert.deepEqual(JSON.parse((await cli.run(["status", "--probe", "-o=json"], { env })).stdout), healthOf(3));
});

test("cilium-health get shows the agent and its machine", async (t) => {
  const { cli } = await startHealth(t, 1);
  const { stdout } = await cli.run(["get"], { env });
  assert.match(stdout, /^Daemon uptime: +[\dhm]+s\nNode load: +\d+\.\d\d \d+\.\d\d \d+\.\d\d\nKVStore: +Ok {3}/);
  const answer = JSON.parse((await cli.run(["inspect", "-o", "json"], { env })).stdout) as Record<string, unknown>;
  assert.deepEqual(Object.keys(answer), ["cilium", "system-load", "uptime"]);
});

test("the health socket is that of --host, CILIUM_HEALTH_SOCK, or beside the agent's", async (t) => {
  const { cli } = await startHealth(t, 1);
  const socket = join(dirname(cli.socketPath), "health.sock");
  const nowhere = { CILIUM_SOCK: "/nowhere/cilium.sock", ...env };
  for (const [args, more] of [
    [["ping", "-H", `unix://${socket}`], {}],
    [["ping"], { CILIUM_HEALTH_SOCK: socket }],
  ] as const) {
    assert.equal((await cli.run(args, { env: { ...nowhere, ...more } })).stdout, "OK\n");
  }
  assert.match((await cli.run(["ping"], { env: nowhere })).stderr, /"\/nowhere\/health\.sock": ENOENT/);
});

test("cilium-health ping says OK, or who does not answer", async (t) => {
  const { cli } = await startHealth(t, 1);
  assert.deepEqual(await cli.run(["ping"], { env }), { code: 0, stdout: "OK\n", stderr: "" });
  const { run } = await startCli(t, undefined);
  const { code, stderr } = await run(["ping"], { env });
  assert.equal(code, 1);
  assert.match(stderr, /health\.sock/);
});

test("an agent that does not probe says so", async (t) => {
  const { run } = await startCli(t, createMemoryAgent().api);
  const { code, stderr } = await run(["status"], { env });
  assert.equal(code, 1);
  assert.match(stderr, /^Error: Cannot tell of the nodes: they are not probed \(set enable-health-checking\)\n$/);
});

test("cilium status shows the cluster's health: at most ten of those that are not well, or all", async (t) => {
  const { cli } = await startHealth(t, 14);
  const block = (text: string) =>
    text.slice(text.indexOf("Cluster health:"), text.indexOf("Modules Health:")).trimEnd().split("\n");
  const short = block((await cli.run(["status"])).stdout);
  assert.equal(short.length, 2 + 10 + 1);
  assert.equal(short.at(-1), "  ...");
  assert.equal(block((await cli.run(["status", "--all-nodes"])).stdout).length, 2 + 14);
});
