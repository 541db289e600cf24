// SPDX-License-Identifier: Apache-2.0
// Real containers of containerd and podman on one node: policies by their labels, Debian's portmap and bandwidth behind
// our plugin, restarts, removal.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { agentClient, killAgent, nodeOf, startAgent, waitForAgent } from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { Drops } from "../chaining/drops.ts";
import { Scenario } from "../scenarios/harness.ts";
import type { Probe } from "../scenarios/helpers/probe.ts";
import { CniHost, helper } from "./cni-host.ts";
import { Containerd } from "./containerd.ts";
import { imageArchive } from "./image.ts";
import { Podman } from "./podman.ts";
import { leftOut } from "./programs.ts";

/** Into `web` only from `client`, by labels of the runtimes' containers. */
const policy = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web-clients}
spec:
  endpointSelector: {matchLabels: {"container:app": web}}
  ingress:
    - {fromEndpoints: [{matchLabels: {app: client}}], toPorts: [{ports: [{port: "7000", protocol: TCP}]}]}
    - {fromEntities: [world], toPorts: [{ports: [{port: "7001", protocol: TCP}]}]}
`;
const tcp = (ip: string, port = 7000): Probe => ({ protocol: "TCP", ip, port });
const sleep = ["/bin/sleep", "infinity"];

const missing = leftOut("containerd", "ctr", "runc", "podman", "busybox");

describe("containerd and podman", { skip: missing, timeout: 280_000 }, () => {
  let scenario: Scenario;
  let host: CniHost;
  let containerd: Containerd;
  let podman: Podman;

  before(async () => {
    scenario = await Scenario.create("cni-run", { nodes: 1, settings: { "endpoint-gc-interval": "1s" } });
    await scenario.apply(policy);
    host = await CniHost.start(scenario, "node1");
    const archive = imageArchive(host.folder);
    containerd = await Containerd.start(host, archive);
    podman = await Podman.start(host, archive);
    const labelSource = (runtime: string, socket: string) => ({ "label-source": { runtime, socket } });
    host.writeNetwork(host.networks, "cilium", [host.plugin(labelSource("containerd", containerd.socket))]);
    const ofPodman = labelSource("podman", podman.socket);
    host.writeNetwork(podman.networks, "plain", [host.plugin(ofPodman)]);
    host.writeNetwork(podman.networks, "chained", [
      host.plugin({ ...ofPodman, capabilities: { portMappings: true }, "through-stack": true }),
      { type: "portmap", capabilities: { portMappings: true } },
      {
        type: "bandwidth",
        ingressRate: 80_000_000,
        ingressBurst: 8_000_000,
        egressRate: 80_000_000,
        egressBurst: 8_000_000,
      },
    ]);
  });
  after(async () => {
    await podman?.stop();
    await containerd?.stop();
    await host?.stop();
    await scenario?.delete();
  });

  const agent = () => agentClient(scenario.sandbox, nodeOf(scenario.sandbox, "node1"));
  /** Those that a plugin made. */
  const endpoints = async () =>
    (await agent().listEndpoints()).filter(({ status }) => status["external-identifiers"]["cni-network"] !== undefined);

  /** Addresses of the endpoint whose labels have this one, IPv4 first. */
  async function ipsOf(label: string): Promise<string[]> {
    const found = (await endpoints()).find(({ status }) => status.labels["security-relevant"].includes(label));
    const { ipv4 = "", ipv6 = "" } = found?.status.networking.addressing[0] ?? {};
    assert.notEqual(ipv4, "", `no endpoint with ${label}`);
    return [ipv4, ipv6];
  }

  const probe = async (name: string, probes: readonly Probe[]) =>
    JSON.parse(await podman.must("exec", name, ...helper("probe.ts", JSON.stringify(probes)))) as boolean[];

  /** What the queueing disciplines of a device have let through. */
  async function sentBy(kind: string, device: string): Promise<number> {
    const text = await host.must(["tc", "-s", "-j", "qdisc", "show", "dev", device]);
    const rows = JSON.parse(text) as { readonly kind: string; readonly packets: number }[];
    return rows.find((row) => row.kind === kind)?.packets ?? Number.NaN;
  }

  const devices = async () => JSON.parse(await host.must(["ip", "-j", "link"])) as { ifname: string }[];

  test("policy holds by labels among containers of both", async () => {
    await containerd.run("web", ["app=web"], helper("echo.ts"));
    await podman.run("client", "plain", ["-l", "app=client"], sleep);
    await podman.run("other", "plain", ["-l", "app=other", "-l", "app.kubernetes.io/part=x"], sleep);
    const [web, other] = [await ipsOf("container:app=web"), await ipsOf("container:app=other")];
    const probes = web.map((ip) => tcp(ip));
    using drops = await Drops.watch(scenario, "node1");
    await eventually("web answers", async () => (await probe("client", probes)).every(Boolean));
    assert.deepEqual(await probe("other", probes), [false, false]);
    for (const [i, ip] of web.entries()) {
      await drops.between(other[i] ?? "", ip, /Policy denied[\s\S]*default deny by policy default\/web-clients/);
    }
    await killAgent(scenario.sandbox, nodeOf(scenario.sandbox, "node1"));
    assert.deepEqual(await probe("client", probes), [true, true]);
    startAgent(scenario.sandbox, nodeOf(scenario.sandbox, "node1"));
    await waitForAgent(scenario.sandbox, nodeOf(scenario.sandbox, "node1"));
    assert.deepEqual(await probe("client", probes), [true, true]);
    assert.deepEqual(await probe("other", probes), [false, false]);
  });

  test("a pod's containers are the pod's, which starts while the agent is killed", async () => {
    const node = nodeOf(scenario.sandbox, "node1");
    await podman.createPod("group", "plain", ["app=client"]);
    const before = (await devices()).length;
    let isDone = false;
    const running = podman
      .run("member", "", ["--pod", "group", "-l", "app=other"], sleep)
      .finally(() => (isDone = true));
    while (!isDone && (await devices()).length === before);
    await killAgent(scenario.sandbox, node);
    startAgent(scenario.sandbox, node);
    await Promise.all([running, waitForAgent(scenario.sandbox, node)]);
    const [web4 = ""] = await ipsOf("container:app=web");
    assert.deepEqual(await probe("member", [tcp(web4), tcp(web4, 7002)]), [true, false]);
    await podman.must("pod", "rm", "-f", "-t", "0", "group");
  });

  test("portmap and bandwidth work behind our plugin", async () => {
    const before = new Set((await devices()).map(({ ifname }) => ifname));
    const ports = ["-p", "8080:7000", "-p", "8081:7001"];
    await podman.run("shop", "chained", ["-l", "app=web", "-l", "role=shop", ...ports], helper("echo.ts"));
    const made = (await devices()).map(({ ifname }) => ifname).filter((name) => !before.has(name));
    const node = nodeOf(scenario.sandbox, "node1").ipv4 ?? "";
    await eventually("shop answers outside", async () =>
      (await scenario.probeFromOutside([tcp(node, 8081)])).every(Boolean),
    );
    // The mapped port is the pod's for policy.
    assert.deepEqual(await scenario.probeFromOutside([tcp(node, 8080)]), [false]);
    assert.deepEqual(await probe("client", [tcp(node, 8080), tcp(node, 8081)]), [true, false]);
    // Between pods of a node too nothing passes by the limits.
    const [lxc = "", limiter = ""] = [
      made.find((name) => name.startsWith("lxc")),
      made.find((name) => /^bwp/.test(name)),
    ];
    const sent = async () => [await sentBy("tbf", lxc), await sentBy("tbf", limiter)];
    const [to = 0, from = 0] = await sent();
    const [shop = ""] = await ipsOf("container:role=shop");
    assert.deepEqual(await probe("client", [tcp(shop)]), [true]);
    const [to2 = 0, from2 = 0] = await sent();
    assert.ok(to2 >= to + 3 && from2 >= from + 3, `${to} ${from}, then ${to2} ${from2}`);
  });

  test("containers that end leave nothing, also when nobody calls the plugin", async () => {
    await containerd.runDetached("gone", ["app=gone"], sleep);
    assert.equal((await endpoints()).length, 5);
    await containerd.endDetached("gone");
    await eventually("the agent to miss the device", async () => (await endpoints()).length === 4);
    await containerd.end("web");
    for (const name of ["client", "other", "shop"]) await podman.must("rm", "-f", "-t", "0", name);
    assert.deepEqual(
      (await endpoints()).map(({ id }) => id),
      [],
    );
    assert.deepEqual(
      (await devices()).map(({ ifname }) => ifname).filter((name) => /^(lxc[0-9a-f]|bwp)/.test(name)),
      [],
    );
    const { ipam } = await agent().healthz();
    assert.deepEqual([...new Set(Object.values(ipam?.allocations ?? {}))].sort(), ["health", "router"]);
    assert.doesNotMatch(await host.must(["iptables-save", "-t", "nat"]), /--to-destination/);
  });
});
