// SPDX-License-Identifier: Apache-2.0
// A machine that starts again: whatever was in the kernel and in /run is gone, what the engine keeps on disk is not.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { agentClient, killAgent, nodeOf, sandboxPaths, startAgent, waitForAgent } from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { deleteNftTable, hasNftTable, Rtnetlink } from "../../src/kernel/index.ts";
import { Scenario } from "../scenarios/harness.ts";
import type { Probe } from "../scenarios/helpers/probe.ts";
import { DockerEngine } from "./docker-engine.ts";
import { leftOut } from "./programs.ts";

const tcp = (ip: string, port = 7000): Probe => ({ protocol: "TCP", ip, port });

const policy = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web-clients}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress:
    - fromEndpoints: [{matchLabels: {app: client}}]
      toPorts: [{ports: [{port: "7000"}]}]
`;

describe("reboot", { skip: leftOut("dockerd", "docker", "busybox"), timeout: 280_000 }, () => {
  let scenario: Scenario;
  let engine: DockerEngine;

  before(async () => {
    scenario = await Scenario.create("reboot", { nodes: 1 });
    engine = await DockerEngine.start(scenario, "node1");
  });
  after(async () => {
    await engine?.stop();
    await scenario?.delete();
  });

  /** What the power takes: processes, the kernel's objects, and `/run` where that is in memory. */
  async function losePower(run: "in memory" | "on disk"): Promise<void> {
    const paths = sandboxPaths(scenario.name).node("node1");
    await killAgent(scenario.sandbox, nodeOf(scenario.sandbox, "node1"));
    await engine.losePower();
    const pins = readdirSync(paths.bpf).filter((name) => !name.endsWith(".debug"));
    for (const name of pins) rmSync(join(paths.bpf, name), { recursive: true });
    using rtnl = new Rtnetlink({ netns: paths.netns });
    for (const { name } of rtnl.links()) if (/^(lxc|dkr|cilium)/.test(name)) rtnl.deleteLink(name);
    if (hasNftTable("cilium-docker-cilium", paths.netns)) deleteNftTable("cilium-docker-cilium", paths.netns);
    // The health endpoint's namespace.
    const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
    for (const mount of mounts
      .map((line) => line.split(" ")[1] ?? "")
      .filter((path) => path.startsWith(`${paths.state}/`)))
      execFileSync("umount", [mount]);
    if (run === "on disk") return;
    rmSync(paths.state, { recursive: true });
    mkdirSync(paths.state);
  }

  for (const run of ["in memory", "on disk"] as const) {
    test(`containers come back with their policies, /run being ${run}`, async () => {
      if (run === "in memory") {
        await engine.must("network", "create", "-d", "cilium", "--ipam-driver", "cilium", "--ipv6", "net1");
        const always = ["--restart", "always"];
        await engine.run("web", "net1", ["app=web"], "echo.ts", [...always, "-p", "8080:7000"]);
        await engine.run("client", "net1", ["app=client"], undefined, always);
        await engine.run("other", "net1", ["app=other"], undefined, always);
        await scenario.apply(policy);
      }
      await losePower(run);
      const node = nodeOf(scenario.sandbox, "node1");
      // Nobody says which service starts first: containers wait for the agent.
      const on = engine.powerOn();
      await sleep(500);
      startAgent(scenario.sandbox, node);
      await Promise.all([on, waitForAgent(scenario.sandbox, node)]);
      await eventually(
        "containers to run",
        async () => (await engine.must("ps", "-q", "--filter", "status=running")).split("\n").length === 3,
      );
      const [web4, web6] = [await engine.ip("web", 4), await engine.ip("web", 6)];
      const questions = [tcp(web4), tcp(web6), tcp(web4, 7001)];
      // Until the engine has said whose endpoints they are, they are reserved:init, to whom everything is denied.
      await eventually("web to answer", async () => (await engine.probe("client", [tcp(web4)]))[0] === true);
      const answers = await Promise.all([
        engine.probe("client", questions),
        engine.probe("other", questions),
        scenario.probeFromNode("node1", [tcp(node.ipv4 ?? "", 8080)]),
      ]);
      assert.deepEqual(answers, [[true, true, false], [false, false, false], [true]]);
      const id = await engine.must("inspect", "-f", "{{.Id}}", "web");
      const endpoint = await agentClient(scenario.sandbox, node).getEndpoint(`container-id:${id}`);
      assert.equal(endpoint.status.networking.addressing[0]?.ipv4, web4);
      const endpoints = await agentClient(scenario.sandbox, node).listEndpoints();
      const names = endpoints.map(({ status }) => status.labels["security-relevant"].find((l) => /:app=/.test(l)));
      assert.deepEqual(names.filter((name) => name !== undefined).sort(), [
        "container:app=client",
        "container:app=other",
        "container:app=web",
      ]);
    });
  }
});
