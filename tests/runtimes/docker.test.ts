// SPDX-License-Identifier: Apache-2.0
// Real containers of a real Docker engine: addresses, policies by their labels, restarts of everything, removal.
import assert from "node:assert/strict";
import { readdirSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import {
  agentClient,
  killAgent,
  nodeCommand,
  nodeOf,
  sandboxPaths,
  spawnIn,
  startAgent,
  waitForAgent,
} from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { deleteNftTable, hasNftTable, Rtnetlink } from "../../src/kernel/index.ts";
import { clientPod, collect, echoPod, Scenario } from "../scenarios/harness.ts";
import type { Probe } from "../scenarios/helpers/probe.ts";
import { DockerEngine } from "./docker-engine.ts";
import { imageName } from "./image.ts";
import { leftOut } from "./programs.ts";

const tcp = (ip: string, port = 7000): Probe => ({ protocol: "TCP", ip, port });
const icmp = (ip: string): Probe => ({ protocol: "ICMP", ip });

/** Into `web` only from what is called client, container or pod, and only to port 7000. */
const policy = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web-clients}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress:
    - fromEndpoints: [{matchLabels: {app: client}}]
      toPorts: [{ports: [{port: "7000"}]}]
    - fromEndpoints: [{matchLabels: {app: client}}]
      icmps: [{fields: [{family: IPv4, type: 8}, {family: IPv6, type: 128}]}]
`;

/** What `bound` may send: to the node alone. */
const hostOnly = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: host-only}
spec:
  endpointSelector: {matchLabels: {app: bound}}
  egress:
    - toEntities: [host]
`;

describe("docker", { skip: leftOut("dockerd", "docker", "busybox"), timeout: 280_000 }, () => {
  let scenario: Scenario;
  let engine: DockerEngine;

  before(async () => {
    scenario = await Scenario.create("docker", { nodes: 2 });
    engine = await DockerEngine.start(scenario, "node1");
  });
  after(async () => {
    await engine?.stop();
    await scenario?.delete();
  });

  const agent = () => agentClient(scenario.sandbox, nodeOf(scenario.sandbox, "node1"));
  const stateFolder = () => join(dirname(sandboxPaths(scenario.name).node("node1").socket), "docker");

  /** Labels of the endpoint of an address. */
  async function labelsOf(address: string): Promise<readonly string[]> {
    const endpoint = await agent().getEndpoint(`ipv4:${address}`);
    return endpoint.status.labels["security-relevant"];
  }

  /** What the node has for containers: devices, addresses, endpoints, files. */
  async function remains(): Promise<readonly string[]> {
    using rtnl = new Rtnetlink({ netns: sandboxPaths(scenario.name).node("node1").netns });
    const { ipam } = await agent().healthz();
    return [
      ...rtnl
        .links()
        .map(({ name }) => name)
        .filter((name) => /^(lxc|dkr)/.test(name)),
      ...Object.keys(ipam?.allocations ?? {}),
      ...(await agent().listEndpoints()).map(({ id }) => `endpoint ${id}`),
      ...readdirSync(stateFolder()),
    ].sort();
  }
  let empty: readonly string[];

  test("networks: what cannot be had is refused with the reason", async () => {
    empty = await remains();
    await engine.must("network", "create", "-d", "cilium", "--ipam-driver", "cilium", "--ipv6", "net1");
    const refused: readonly (readonly [readonly string[], RegExp])[] = [
      [["-d", "cilium"], /addresses are not the agent's \(create it with --ipam-driver too\)/],
      [
        ["-d", "cilium", "--ipam-driver", "cilium", "--subnet", "10.7.0.0/16"],
        /pool of "10\.7\.0\.0\/16": the agent's is/,
      ],
      [
        ["-d", "cilium", "--ipam-driver", "cilium", "-o", "colour=red"],
        /unknown option "colour" \(expected namespace\)/,
      ],
      [["-d", "cilium", "--ipam-driver", "cilium", "--internal"], /--internal is not known/],
    ];
    for (const [args, reason] of refused) {
      const { code, stderr } = await engine.docker("network", "create", ...args, "bad");
      assert.notEqual(code, 0);
      assert.match(stderr, reason);
    }
  });

  test("containers, pods and other nodes meet under policies by their labels", async () => {
    await engine.run("web", "net1", ["app=web", "about=two words", "k8s:app=client"], "echo.ts");
    await engine.run("client", "net1", ["app=client"]);
    await engine.run("other", "net1", ["app=other"]);
    await scenario.apply(
      [clientPod("pod-client", "node2", { app: "client" }), echoPod("pod", "node1", { app: "x" })].join(""),
    );
    const [web4, web6] = [await engine.ip("web", 4), await engine.ip("web", 6)];
    assert.deepEqual(await labelsOf(web4), [
      "container:app=web",
      "k8s:io.cilium.k8s.policy.cluster=default",
      "k8s:io.kubernetes.pod.namespace=default",
      "container:k8s:app=client",
    ]);
    const questions = [tcp(web4), tcp(web6), tcp(web4, 7001), icmp(web4), icmp(web6)];
    assert.deepEqual(await engine.probe("other", questions), [true, true, true, true, true]);
    await scenario.apply(policy);
    // All at once: what is denied takes until nobody waits for an answer any more.
    const answers = await Promise.all([
      engine.probe("client", questions),
      scenario.probe("pod-client", questions),
      engine.probe("other", questions),
      scenario.probe("pod", questions),
      engine.probe("client", [tcp(scenario.ip("pod", 4)), tcp(scenario.ip("pod", 6))]),
      // The node's own processes may reach what is on it.
      scenario.probeFromNode("node1", [tcp(web4), tcp(web6)]),
      engine.probe("other", [icmp(nodeOf(scenario.sandbox, "node1").ipv4 ?? "")]),
    ]);
    const allowed = [true, true, false, true, true];
    const denied = [false, false, false, false, false];
    assert.deepEqual(answers, [allowed, allowed, denied, denied, [true, true], [true, true], [true]]);
    // Docker's own names.
    assert.deepEqual(await engine.probe("client", [tcp("web")]), [true]);
  });

  test("a denied packet is a drop that names the policy", async () => {
    const web = await engine.ip("web", 4);
    const monitor = spawnIn(nodeCommand(scenario.sandbox, "node1", ["cilium-dbg", "monitor", "-t", "drop"]), {
      stdio: ["ignore", "pipe", "ignore"],
    });
    let seen = "";
    monitor.stdout?.setEncoding("utf8").on("data", (text: string) => (seen += text));
    await eventually("a drop that names the policy", async () => {
      assert.deepEqual(await engine.probe("other", [tcp(web)]), [false]);
      return seen.includes("ingress default deny by policy default/web-clients");
    });
    monitor.kill("SIGTERM");
    assert.match(seen, /drop \(Policy denied\).*10\.\d+\.1\.\d+:\d+ -> 10\.\d+\.1\.\d+:7000 tcp SYN/);
    assert.match(seen, /from identity \d+ \[container:app=other /);
  });

  test("agent, plug-in and engine start again under traffic, and nothing is lost", async () => {
    const web = await engine.ip("web", 4);
    const stream = scenario.stream("pod-client", web);
    await stream.flowing;
    const node = nodeOf(scenario.sandbox, "node1");
    await killAgent(scenario.sandbox, node);
    await engine.killPlugin("SIGKILL");
    await engine.killEngine();
    await engine.startPlugin();
    await engine.startEngine();
    // A container that starts meanwhile waits for the agent.
    const late = engine.run("late", "net1", ["app=client"]);
    startAgent(scenario.sandbox, node);
    await Promise.all([waitForAgent(scenario.sandbox, node), late]);
    const asked = [
      engine.probe("client", [tcp(web), tcp(web, 7001)]),
      engine.probe("other", [tcp(web)]),
      engine.probe("late", [tcp(web), tcp(web, 7001)]),
    ];
    assert.deepEqual(await Promise.all(asked), [[true, false], [false], [true, false]]);
    const { connection, connects, datagrams } = await stream.stop();
    assert.ok(connection.sent > 5 && connects.sent > 5);
    for (const { sent, answered } of [connection, connects, datagrams]) assert.equal(answered, sent);
  });

  test("a plug-in that is killed in the middle of calls fails none of them", async () => {
    const seen = new Set<string>();
    const watcher = watch(stateFolder(), (_, name) => {
      const kind = /^(lease|endpoint)-/.exec(name ?? "")?.[1];
      if (kind === undefined || seen.has(kind)) return;
      seen.add(kind);
      engine.killWorker();
    });
    await engine.run("mended", "net1", ["app=client"]);
    watcher.close();
    assert.deepEqual([...seen], ["lease", "endpoint"]);
    assert.deepEqual(await engine.probe("mended", [tcp(await engine.ip("web", 4))]), [true]);
    await engine.must("rm", "-f", "mended");
  });

  test("published ports answer from everywhere, and go with their container", async () => {
    const node = nodeOf(scenario.sandbox, "node1");
    const [node4, node6] = [node.ipv4 ?? "", node.ipv6 ?? ""];
    const ports = ["8080:7000", "127.0.0.1:8081:7000", "8082-8083:7000", "8082-8083:7000/udp"];
    const options = ports.flatMap((port) => ["-p", port]);
    await engine.run("shop", "net1", ["app=shop"], "echo.ts", options);
    const both = [tcp(node4, 8080), tcp(node6, 8080)];
    const udp: Probe = { protocol: "UDP", ip: node4, port: 8082 };
    const local = [tcp("127.0.0.1", 8080), tcp("127.0.0.1", 8081)];
    const own = [tcp(await engine.ip("shop", 4)), tcp(await engine.ip("shop", 6))];
    const asked = async () =>
      await Promise.all([
        scenario.probeFromOutside([...both, tcp(node4, 8082), udp, tcp(node4, 8081)]),
        scenario.probeFromNode("node1", [...both, ...local]),
        engine.probe("client", own),
        scenario.probe("pod-client", both),
      ]);
    const answers = [
      [true, true, true, true, false],
      [true, true, true, true],
      [true, true],
      [true, true],
    ];
    assert.deepEqual(await asked(), answers);
    // Nobody answers to ::1, and who asks is told so.
    const asking = nodeCommand(scenario.sandbox, "node1", ["busybox", "nc", "-w", "20", "::1", "8080"]);
    assert.match((await collect(asking)).stderr, /refused/);
    // Containers do not reach the node's loopback addresses by way of devices that let answers from there pass.
    assert.deepEqual(await engine.probe("shop", local), [false, false]);
    for (const port of ["8080:7000", "127.0.0.1:8080:1", "4240:7000"]) {
      const { stderr } = await engine.docker("run", "--net", "net1", "-p", port, imageName, "/bin/sleep", "1");
      assert.match(stderr, /Cannot publish port \d+\/tcp: a container or a program of the node has it/);
    }
    const { stderr } = await engine.docker("run", "--net", "net1", "-p", "80", imageName, "/bin/sleep", "1");
    assert.match(stderr, /Cannot publish port 80\/tcp: .*\(give it: -p PORT:80\)/);
    await engine.killPlugin("SIGKILL");
    deleteNftTable("cilium-docker-cilium", sandboxPaths(scenario.name).node("node1").netns);
    await engine.startPlugin();
    await engine.must("restart", "-t", "0", "client");
    assert.deepEqual(await asked(), answers);
    await engine.must("rm", "-f", "shop");
    assert.deepEqual(await scenario.probeFromOutside(both), [false, false]);
    assert.equal(hasNftTable("cilium-docker-cilium", sandboxPaths(scenario.name).node("node1").netns), false);
  });

  test("threats: a container reaches nobody by a published port whom its policy forbids", async () => {
    const node = nodeOf(scenario.sandbox, "node1");
    await engine.run("shop", "net1", ["app=shop"], "echo.ts", ["-p", "8080:7000"]);
    await engine.run("bound", "net1", ["app=bound"]);
    const own = tcp(await engine.ip("shop", 4));
    const published = [tcp(node.ipv4 ?? "", 8080), tcp(node.ipv6 ?? "", 8080)];
    assert.deepEqual(await engine.probe("bound", [own]), [true]);
    await scenario.apply(hostOnly);
    const others = [...published, icmp(node.ipv4 ?? "")];
    assert.deepEqual(await engine.probe("bound", [own, ...others]), [false, false, false, true]);
    // Nor without a policy: only the container's own address is a way that is judged.
    assert.deepEqual(await engine.probe("client", published), [false, false]);
    assert.deepEqual(await scenario.probeFromOutside(published), [true, true]);
    await engine.must("rm", "-f", "bound", "shop");
  });

  test("calls that the engine repeats change nothing", async () => {
    const id = (field: string) => engine.must("inspect", "-f", `{{.NetworkSettings.Networks.net1.${field}}}`, "web");
    const ids = { NetworkID: await id("NetworkID"), EndpointID: await id("EndpointID") };
    const before = await remains();
    const joined = await engine.callPlugin("NetworkDriver.Join", { ...ids, SandboxKey: "" });
    assert.equal(joined.status, 200);
    assert.match(JSON.stringify(joined.body), /"SrcName":"dkr[0-9a-f]{12}"/);
    const created = await engine.callPlugin("NetworkDriver.CreateEndpoint", {
      ...ids,
      Interface: { Address: "10.9.9.9/32" },
    });
    assert.equal(created.status, 400);
    assert.match(JSON.stringify(created.body), /"Err":"Cannot make endpoint .*: it is there, and a container has it"/);
    assert.deepEqual(await remains(), before);
    assert.deepEqual(await engine.probe("client", [tcp(await engine.ip("web", 4))]), [true]);
  });

  test("networks of a namespace, fixed addresses, and leaving and joining again", async () => {
    const prefix = nodeOf(scenario.sandbox, "node1").ipv4PodCidr ?? "";
    const address = prefix.replace(/0\/\d+$/, "77");
    const driver = ["-d", "cilium", "--ipam-driver", "cilium"];
    await engine.must("network", "create", ...driver, "--subnet", prefix, "-o", "namespace=shop", "net2");
    const second = await engine.docker("network", "connect", "net2", "other");
    assert.match(second.stderr, /"other" is in a network of this driver already \(disconnect it there first\)/);
    await engine.must("network", "disconnect", "net1", "other");
    await engine.must("network", "connect", "--ip", address, "net2", "other");
    assert.equal(await engine.ip("other", 4), address);
    assert.ok((await labelsOf(address)).includes("k8s:io.kubernetes.pod.namespace=shop"));
    await engine.must("restart", "-t", "0", "client");
    const web = await engine.ip("web", 4);
    assert.deepEqual(await engine.probe("client", [tcp(web), tcp(address)]), [true, false]);
    const taken = await engine.docker("run", "--net", "net2", "--ip", address, imageName, "/bin/sleep", "1");
    assert.match(taken.stderr, /Cannot create endpoint: .*77/);
  });

  test("removal leaves nothing, also of what went while the agent was down", async () => {
    const node = nodeOf(scenario.sandbox, "node1");
    await killAgent(scenario.sandbox, node);
    await engine.must("rm", "-f", "other");
    startAgent(scenario.sandbox, node);
    await waitForAgent(scenario.sandbox, node);
    const { stdout } = await engine.docker("ps", "-aq");
    await engine.must("rm", "-f", ...stdout.trim().split("\n"));
    await engine.must("network", "rm", "net1", "net2");
    await scenario.remove(echoPod("pod", "node1", {}));
    await eventually("nothing to be left", async () => isDeepStrictEqual(await remains(), empty), 90_000);
    assert.doesNotMatch(engine.pluginLog, /level=error/);
  });
});
