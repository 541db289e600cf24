// SPDX-License-Identifier: Apache-2.0
// Faults of the state folder: no space, and files that cannot be read.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { unmount } from "../../src/kernel/index.ts";
import { clientPod } from "../scenarios/harness.ts";
import type { Fault, World } from "./world.ts";

const diskFull: Fault = {
  name: "disk full: CNI ADD, policy import and a starting agent say so and change nothing; traffic goes on, space heals it",
  async run(world) {
    const { state } = world.paths("node1");
    await world.kill("node1");
    const disk = smallDisk(state);
    try {
      await world.start("node1");
      await onFullDisk(world, state);
    } finally {
      if (world.running("node1")) await world.kill("node1");
      disk[Symbol.dispose]();
      await world.start("node1");
    }
  },
};

const corruptEndpoint: Fault = {
  name: "endpoint.json corrupt: that endpoint stays as the kernel has it, the status names it, others are restored",
  async run(world) {
    const file = join(world.paths("node1").state, "state", `${await endpointId(world, "echo-node1")}`, "endpoint.json");
    const good = readFileSync(file, "utf8");
    await world.unnoticed(async () => {
      await world.kill("node1");
      writeFileSync(file, good.slice(0, good.length / 2));
      const from = world.log("node1").length;
      await world.start("node1");
      assert.match(await world.health("node1", "endpoints"), /^degraded 1 endpoint folder\(s\) in .* cannot be used/);
      assert.ok(world.log("node1", from).includes(file), "the log does not name the file");
      await world.assertNewPodsWork("beside-corrupt", "node1");
      await world.kill("node1");
      writeFileSync(file, good);
      await world.start("node1");
      assert.match(await world.health("node1", "endpoints"), /^ok/);
    });
  },
};

const corruptPolicies: Fault = {
  name: "policy-imported.json corrupt: the agent does not start and says why (no deny gets lost), traffic goes on",
  async run(world) {
    const file = join(world.paths("node1").state, "policy", "policy-imported.json");
    await world.client("node1").putPolicy(importedPolicy);
    const good = readFileSync(file, "utf8");
    await world.unnoticed(async () => {
      await world.kill("node1");
      writeFileSync(file, "[{");
      const from = world.log("node1").length;
      world.launch("node1");
      await world.until(() => !world.running("node1"), "the agent runs");
      assert.match(world.log("node1", from), /Cannot read imported policies ".*policy-imported.json".*mend or remove/);
      writeFileSync(file, good);
      await world.start("node1");
      await world.client("node1").deletePolicy();
    });
  },
};

const corruptCookies: Fault = {
  name: "policy-cookies.json corrupt: new cookies are given, the log says so, traffic goes on",
  async run(world) {
    const file = join(world.paths("node1").state, "policy", "policy-cookies.json");
    await world.unnoticed(async () => {
      await world.kill("node1");
      writeFileSync(file, '{"next": 16, "cookies": [[');
      const from = world.log("node1").length;
      await world.start("node1");
      assert.match(world.log("node1", from), /Cannot read the rule cookies, new ones are given/);
      await sleep(200);
    });
    assert.ok(JSON.parse(readFileSync(file, "utf8")));
  },
};

const badManifest: Fault = {
  name: "a policy's manifest went bad while the agent was away: it stays in force as last taken, the status names the file",
  async run(world) {
    const { staticResources } = world.paths("node1");
    const files = readdirSync(staticResources).map((name) => join(staticResources, name));
    const file = files.find((path) => readFileSync(path, "utf8").includes("only-client")) ?? assert.fail("no manifest");
    const good = readFileSync(file, "utf8");
    const stranger = clientPod("stranger", "node1", { app: "stranger" });
    await world.scenario.apply(stranger);
    const denied = [{ protocol: "TCP", ip: world.scenario.ip("echo-node1", 4), port: 7000 }] as const;
    for (const bad of [good.slice(0, good.length / 2), good.replace("fromEndpoints", "fromNowhere")]) {
      await world.unnoticed(async () => {
        await world.kill("node1");
        writeFileSync(file, bad);
        await world.start("node1");
        assert.deepEqual(await world.scenario.probe("stranger", denied), [false]);
        const health = `${await world.health("node1", "static-resources")} ${await world.health("node1", "policy")}`;
        assert.match(health, /degraded/);
        assert.ok(health.includes(file), health);
        await world.kill("node1");
        writeFileSync(file, good);
        await world.start("node1");
        assert.match(await world.health("node1", "policy"), /^ok/);
      });
    }
    await world.scenario.remove(stranger);
  },
};

export const stateFaults: readonly Fault[] = [diskFull, corruptEndpoint, corruptPolicies, corruptCookies, badManifest];

async function onFullDisk(world: World, state: string): Promise<void> {
  const pod = clientPod("full", "node1", { app: "late" });
  const filler = join(state, "filler");
  const devices = () => world.onKernelOf("node1", () => readdirSync("/proc/self/net/dev_snmp6").sort().join(" "));
  const before = devices();
  await world.unnoticed(async () => {
    fill(filler);
    await assert.rejects(world.scenario.apply(pod), /CNI ADD failed.*(ENOSPC|no space)/);
    await world.scenario.remove(pod);
    await assert.rejects(world.client("node1").putPolicy(importedPolicy), /ENOSPC|no space/);
    assert.ok(!JSON.stringify(await world.client("node1").getPolicy()).includes("imported"), "it is in force");
    assert.equal(devices(), before);
    assert.match(await world.health("node1", "endpoints"), /^ok/);
    await world.kill("node1");
    const from = world.log("node1").length;
    world.launch("node1");
    await world.until(() => !world.running("node1"), "the agent runs");
    assert.match(world.log("node1", from), /Error: .*ENOSPC/);
    rmSync(filler);
    await world.start("node1");
    await world.scenario.apply(pod);
    await world.scenario.remove(pod);
  });
}

const importedPolicy = [
  {
    apiVersion: "cilium.io/v2",
    kind: "CiliumNetworkPolicy",
    metadata: { name: "imported" },
    spec: { endpointSelector: { matchLabels: { app: "nobody" } }, ingress: [{}] },
  },
];

async function endpointId(world: World, pod: string): Promise<number> {
  const ip = world.scenario.ip(pod, 4);
  const found = (await world.client("node1").listEndpoints()).find((endpoint) => JSON.stringify(endpoint).includes(ip));
  return found?.id ?? assert.fail(`no endpoint has ${ip}`);
}

/** Puts a folder with its files on a disk of 1 MB, and back when disposed. */
function smallDisk(folder: string): Disposable {
  const aside = `${folder}.aside`;
  renameSync(folder, aside);
  mkdirSync(folder, { mode: 0o750 });
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], { encoding: "utf8" });
  assert.equal(mounted.status, 0, mounted.stderr);
  copy(aside, folder);
  return {
    [Symbol.dispose]() {
      rmSync(aside, { recursive: true });
      copy(folder, aside);
      unmount(folder);
      rmSync(folder, { recursive: true });
      renameSync(aside, folder);
    },
  };
}

/** Sockets are made anew by whoever listens. */
function copy(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (path) => !path.endsWith(".sock") });
}

function fill(path: string): void {
  const block = Buffer.alloc(4096);
  const { bavail } = statfsSync(join(path, ".."));
  writeFileSync(path, Buffer.concat(Array.from({ length: bavail }, () => block)));
  assert.equal(statfsSync(join(path, "..")).bavail, 0);
}
