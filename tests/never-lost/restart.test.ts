// SPDX-License-Identifier: Apache-2.0
// Agents end and come back under load: 0 failed requests, and never a moment in which something is missing.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { agentClient, agentProcess, nodeCommand, nodeOf, sandboxPaths, spawnIn } from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { openPinnedMaps } from "../../src/datapath/index.ts";
import { BpfMap } from "../../src/kernel/index.ts";
import { collect, noHealthEndpoints, Scenario } from "../scenarios/harness.ts";
import { prepareLoad, restartAgents, startLoad } from "./load.ts";
import type { WatchReport } from "./watch.ts";

let scenario: Scenario;

before(async () => {
  scenario = await Scenario.create("restart", { settings: noHealthEndpoints });
  await prepareLoad(scenario);
});

after(async () => await scenario?.delete());

const node1 = () => nodeOf(scenario.sandbox, "node1");
const paths = () => sandboxPaths(scenario.name).node("node1");

/** Watches node1's kernel state from a process of its own. */
async function watch(): Promise<{ stop: () => Promise<WatchReport> }> {
  const endpoints = await agentClient(scenario.sandbox, node1()).listEndpoints();
  const ids = endpoints.map(({ id }) => id).join();
  const { netns, bpf, state } = paths();
  await linked(endpoints.map(({ id }) => join(bpf, "cilium/endpoints", String(id), "links")));
  const command = [process.execPath, join(import.meta.dirname, "watch.ts"), netns, bpf, state, ids];
  const child = spawnIn(
    { netns: "/proc/self/ns/net", cgroup: nodeCommand(scenario.sandbox, "node1", []).cgroup, command, env: {} },
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  assert.ok(child.stdout !== null);
  await once(child.stdout, "readable");
  const output = text(child.stdout);
  return {
    stop: async () => {
      child.kill("SIGTERM");
      return JSON.parse(await output) as WatchReport;
    },
  };
}

/** New pods begin with filters, which are no links yet. */
async function linked(folders: readonly string[]): Promise<void> {
  const whole = (folder: string) => existsSync(folder) && readdirSync(folder).length === 2;
  await eventually("links of the pods' programs", () => folders.every(whole));
}

async function restartUnderLoad(options: Parameters<typeof restartAgents>[1]): Promise<WatchReport> {
  const load = startLoad(scenario);
  const watcher = await watch();
  await sleep(700);
  await restartAgents(scenario.sandbox, options);
  await sleep(1200);
  const [report, seen] = [await load.stop(), await watcher.stop()];
  assert.equal(report.failed, 0, JSON.stringify({ report, seen }));
  assert.deepEqual(seen.findings, []);
  assert.ok(seen.rounds > 20, `${seen.rounds} rounds`);
  return seen;
}

const endpointsOfNode1 = async () => await agentClient(scenario.sandbox, node1()).listEndpoints();
const mapSize = (name: string) => {
  using map = BpfMap.openPinned(join(paths().bpf, "tc/globals", name));
  return map.maxEntries;
};

test("threats: kill -9 and 3 s without agents: no map wiped or exchanged, no program replaced, no state renamed", async () => {
  const seen = await restartUnderLoad({ downMs: 3000 });
  assert.deepEqual([seen.mapIds, seen.programIds], [5, 10]);
});

test("threats: a new build of the objects: programs replaced, none deleted before, tail calls complete at every moment", async () => {
  const seen = await restartUnderLoad({ newBuild: true });
  assert.deepEqual([seen.mapIds, seen.programIds], [5, 20]);
});

test("threats: maps of other sizes: none deleted before its replacement is in place", async () => {
  const sizes = { "bpf-ct-global-tcp-max": "262144", "bpf-policy-map-max": "32768", "bpf-ipcache-max": "65536" };
  const before = mapSize("cilium_ct4_global");
  const seen = await restartUnderLoad({ settings: sizes });
  assert.deepEqual(
    ["cilium_ct4_global", "cilium_policy_v2_peers", "cilium_ipcache_exact"].map(mapSize),
    [262_144, 32_768, 65_536],
  );
  assert.ok(seen.mapIds > 5);
  await restartUnderLoad({});
  assert.equal(mapSize("cilium_ct4_global"), before);
});

test("threats: enable-policy, audit mode and monitor settings changed: policy entries stay until others are in force", async () => {
  await restartUnderLoad({ settings: { "enable-policy": "always", "monitor-aggregation": "none" } });
  const { policy } = (await endpointsOfNode1())[0]?.status ?? {};
  assert.equal(policy?.realized["policy-enabled"], "both");
  {
    using maps = openPinnedMaps(paths().bpf);
    assert.equal(maps.runtimeConfig.get().monitorAggregation, "none");
  }
  await restartUnderLoad({ settings: { "enable-policy": "never", "policy-audit-mode": "true" } });
  using maps = openPinnedMaps(paths().bpf);
  const slots = () => maps.endpoints.list();
  assert.ok(slots().every(({ audit, enforceIngress, enforceEgress }) => audit && !enforceIngress && !enforceEgress));
  await restartUnderLoad({});
  assert.ok(slots().every(({ audit, enforceIngress }) => !audit && enforceIngress));
});

test("threats: two agents on one node: the second refuses, with the first's pid, and changes nothing", async () => {
  const first = agentProcess(scenario.sandbox, node1());
  const flags = [`--state-dir=${paths().state}`, `--bpf-root=${paths().bpf}`, "--kvstore=memory"];
  const { ipv4PodCidr, ipv6PodCidr } = node1();
  const ranges = [`--ipv4-range=${ipv4PodCidr}`, `--ipv6-range=${ipv6PodCidr}`];
  const watcher = await watch();
  const command = nodeCommand(scenario.sandbox, "node1", ["cilium-agent", ...flags, ...ranges]);
  const { code, stderr } = await collect(command);
  assert.equal(code, 1, stderr);
  assert.match(stderr, new RegExp(`pid ${first?.pid} runs on`));
  const seen = await watcher.stop();
  assert.deepEqual([seen.findings, seen.mapIds, seen.programIds], [[], 5, 10]);
  assert.equal(agentProcess(scenario.sandbox, node1())?.pid, first?.pid);
});
