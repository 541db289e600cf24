// SPDX-License-Identifier: Apache-2.0
// The plugin as a runtime calls it: a process in a node's namespace, a container's namespace, an agent on a socket.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { ApiError, createApiServer, deleteQueueDirectory } from "../../src/api/index.ts";
import { createMemoryAgent, type MemoryAgent, type MemoryAgentOptions } from "../../src/api/testing.ts";
import { configureLogging } from "../../src/core/index.ts";
import { createNetns, deleteNetns, openNetns, Rtnetlink, readSysctl } from "../../src/kernel/index.ts";
import { hostInterfaceName } from "./attachment.ts";
import { createLocalAgent } from "./local-agent.ts";
import { runPlugin as runInProcess } from "./plugin.ts";
import { linkLocal } from "./pod-network.ts";

configureLogging({ level: "silent" });
const main = new URL("./main.ts", import.meta.url).pathname;
const unique = `cni-test-${process.pid}`;
const nodeNetns = `/run/netns/${unique}-node`;
let containers = 0;

before(() => createNetns(nodeNetns).close());
after(() => deleteNetns(nodeNetns));

interface Setup {
  readonly agent: MemoryAgent;
  readonly socketPath: string;
  readonly netns: string;
  readonly containerId: string;
  readonly host: Rtnetlink;
  readonly pod: Rtnetlink;
  run(command: string, extra?: RunOptions): Promise<{ code: number | null; answer: Answer }>;
  stopAgent(): Promise<void>;
  startAgent(): Promise<void>;
}

interface RunOptions {
  readonly config?: object;
  readonly env?: Record<string, string>;
}

interface Answer {
  readonly cniVersion?: string;
  readonly code?: number;
  readonly msg?: string;
  readonly interfaces?: { name: string; mac: string; sandbox?: string }[];
  readonly ips?: { address: string; gateway: string; interface: number }[];
}

async function setup(t: TestContext, options: MemoryAgentOptions = {}): Promise<Setup> {
  const directory = mkdtempSync(join(tmpdir(), "cni-"));
  const socketPath = join(directory, "cilium.sock");
  const containerId = `c${++containers}`;
  const netns = `/run/netns/${unique}-${containerId}`;
  const agent = createMemoryAgent(options);
  let server = createApiServer({ api: agent.api, socketPath });
  await server.start();
  createNetns(netns).close();
  const host = new Rtnetlink({ netns: nodeNetns });
  const pod = new Rtnetlink({ netns });
  t.after(async () => {
    host.close();
    pod.close();
    deleteNetns(netns);
    await server.stop();
    rmSync(directory, { recursive: true });
  });
  const base = { cniVersion: "1.0.0", name: "cilium", type: "cilium-cni", "agent-socket": socketPath };
  const env = {
    CNI_CONTAINERID: containerId,
    CNI_IFNAME: "eth0",
    CNI_NETNS: netns,
    CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_UID=u1",
  };
  return {
    agent,
    socketPath,
    netns,
    containerId,
    host,
    pod,
    run: (command, extra = {}) => {
      return runPlugin({ ...env, CNI_COMMAND: command, ...extra.env }, { ...base, ...extra.config });
    },
    stopAgent: () => server.stop(),
    startAgent: () => {
      server = createApiServer({ api: agent.api, socketPath });
      return server.start();
    },
  };
}

function runPlugin(env: Record<string, string>, config: object): Promise<{ code: number | null; answer: Answer }> {
  const child = spawn("nsenter", [`--net=${nodeNetns}`, process.execPath, main], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
    timeout: 60_000,
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stdin.end(JSON.stringify(config));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, answer: output === "" ? {} : (JSON.parse(output) as Answer) }));
  });
}

test("ADD, CHECK and DEL make, confirm and remove an attachment", async (t) => {
  const { run, agent, host, pod, netns, containerId } = await setup(t);
  const added = await run("ADD");
  assert.equal(added.code, 0, added.answer.msg ?? "");
  const hostName = hostInterfaceName(containerId, "eth0");
  const link = pod.link("eth0");
  const peer = host.link(hostName);
  assert.ok(link !== undefined && peer !== undefined);
  assert.deepEqual(added.answer.interfaces, [
    { name: hostName, mac: peer.mac },
    { name: "eth0", mac: link.mac, sandbox: netns },
  ]);
  assert.deepEqual(added.answer.ips, [
    { interface: 1, address: "10.77.0.10/32", gateway: "10.77.0.1" },
    { interface: 1, address: "fd00:77::10/128", gateway: "fd00:77::1" },
  ]);
  assert.ok(link.up && peer.up && pod.link("lo")?.up);
  assert.equal(link.mtu, 1500);
  assert.deepEqual(link.altNames, ["cilium_cni:eth0"]);
  const addresses = pod.addresses({ ifindex: link.ifindex });
  assert.deepEqual(addresses.map((a) => `${a.address}/${a.prefixLength}`).sort(), [
    "10.77.0.10/32",
    "fd00:77::10/128",
    `${linkLocal(link.mac)}/64`,
  ]);
  assert.ok(addresses.every((address) => !address.tentative));
  const routes = pod.routes({ ifindex: link.ifindex, table: 254 });
  const defaults = routes.filter((route) => route.destination.endsWith("/0"));
  assert.deepEqual(defaults.map((route) => [route.gateway, route.mtu]).sort(), [
    ["10.77.0.1", 1450],
    ["fd00:77::1", 1450],
  ]);
  assert.equal(readSysctl(`net/ipv4/conf/${hostName}/rp_filter`, nodeNetns), "0");

  const request = agent.created[0];
  assert.equal(request?.["interface-index"], peer.ifindex);
  assert.equal(request?.mac, link.mac);
  assert.equal(request?.["host-mac"], peer.mac);
  assert.equal(request?.["k8s-pod-name"], "web");
  assert.equal(request?.["k8s-uid"], "u1");
  assert.equal(request?.["container-netns-path"], netns);
  assert.match(request?.["netns-cookie"] ?? "", /^[1-9]\d*$/);
  assert.equal(request?.addressing?.["ipv4-expiration-uuid"], "uuid4");

  const second = await run("ADD");
  assert.equal(second.answer.code, 103);
  assert.ok(pod.link("eth0") !== undefined, "the first attachment stays");

  const prevResult = added.answer;
  const checked = await run("CHECK", { config: { prevResult } });
  assert.equal(checked.code, 0, checked.answer.msg ?? "");
  pod.deleteAddress({ ifindex: link.ifindex, address: "10.77.0.10", prefixLength: 32 });
  const broken = await run("CHECK", { config: { prevResult } });
  assert.equal(broken.answer.code, 104);
  assert.match(broken.answer.msg ?? "", /address 10\.77\.0\.10 is missing/);

  for (let i = 0; i < 2; i++) assert.deepEqual(await run("DEL"), { code: 0, answer: {} });
  assert.equal(pod.link("eth0"), undefined);
  assert.equal(host.link(hostName), undefined);
  assert.equal(agent.endpoints.size, 0);
});

test("a failed ADD leaves no device, endpoint or address", async (t) => {
  const putEndpoint = (): never => {
    throw new ApiError(500, "Cannot build endpoint: verifier said no");
  };
  const { run, agent, host, pod, containerId } = await setup(t, { override: { putEndpoint } });
  const { code, answer } = await run("ADD");
  assert.equal(code, 1);
  assert.match(answer.msg ?? "", /verifier said no/);
  assert.equal(answer.code, 105);
  assert.equal(answer.cniVersion, "1.0.0");
  assert.equal(pod.link("eth0"), undefined);
  assert.equal(host.link(hostInterfaceName(containerId, "eth0")), undefined);
  assert.equal(agent.freeIpv4.length, 2);
  assert.equal(agent.freeIpv6.length, 2);
});

test("an empty pool is an error that says so", async (t) => {
  const { run, pod } = await setup(t, { ipv4: [] });
  const { answer } = await run("ADD");
  assert.equal(answer.code, 102);
  assert.match(answer.msg ?? "", /Cannot allocate IPv4 address: pool is exhausted/);
  assert.equal(pod.link("eth0"), undefined);
});

test("ADD replaces what a killed ADD left, but not somebody else's device", async (t) => {
  const { run, host, pod, netns, containerId } = await setup(t);
  const hostName = hostInterfaceName(containerId, "eth0");
  const makePair = (name: string): void => {
    using inside = openNetns(netns);
    host.createVeth({ name, peer: { name: "eth0", netns: inside } });
  };
  makePair("veth-other");
  const refused = await run("ADD");
  assert.equal(refused.answer.code, 103);
  assert.match(refused.answer.msg ?? "", /the container has such a device/);
  pod.setLink("eth0", { altName: "cilium_cni:eth0" });
  const added = await run("ADD");
  assert.equal(added.code, 0, added.answer.msg ?? "");
  assert.equal((await run("DEL")).code, 0);
  // One that was killed between the pair and what marks it.
  makePair(hostName);
  const again = await run("ADD");
  assert.equal(again.code, 0, again.answer.msg ?? "");
  assert.equal((await run("DEL")).code, 0);
  assert.equal(host.link("veth-other"), undefined);
});

test("a second ADD keeps an attachment without a device on the host, as ipvlan's; one without any device is none", async (t) => {
  const { run, host, pod, containerId } = await setup(t);
  assert.equal((await run("ADD")).code, 0);
  host.deleteLink(hostInterfaceName(containerId, "eth0"));
  pod.createVeth({ name: "eth0", peer: { name: "other" } });
  pod.setLink("eth0", { altName: "cilium_cni:eth0" });
  assert.equal((await run("ADD")).answer.code, 103);
  pod.deleteLink("eth0");
  assert.equal((await run("ADD")).answer.code, undefined);
  assert.equal((await run("DEL")).code, 0);
});

test("ADD waits for an agent that is starting", async (t) => {
  const { run, stopAgent, startAgent } = await setup(t);
  await stopAgent();
  const adding = run("ADD");
  await new Promise((resolve) => setTimeout(resolve, 1200));
  await startAgent();
  const { code, answer } = await adding;
  assert.equal(code, 0, answer.msg ?? "");
  assert.equal((await run("DEL")).code, 0);
});

test("ADD says once that an agent is down, and waits before each further attempt", async (t) => {
  const { netns, containerId, socketPath, agent } = await setup(t);
  const logFile = join(dirname(socketPath), "cni.log");
  const config = {
    cniVersion: "1.0.0",
    name: "cilium",
    type: "cilium-cni",
    "agent-socket": "/nonexistent/cilium.sock",
  };
  const invocation = {
    env: { CNI_COMMAND: "ADD", CNI_CONTAINERID: containerId, CNI_IFNAME: "eth0", CNI_NETNS: netns },
    stdin: JSON.stringify({ ...config, "log-file": logFile }),
    patience: 500,
  };
  const warnings = () => readFileSync(logFile, "utf8").match(/"level":"warn"/g)?.length ?? 0;
  const down = await runInProcess(invocation);
  assert.match(down.output, /Cannot reach the agent/);
  assert.equal(warnings(), 0);
  const ended = async (): Promise<never> => {
    throw new ApiError(400, "Cannot claim address 10.77.0.10: nobody lent it");
  };
  const local = { ...createLocalAgent(agent.api), getEndpoint: ended };
  let begun = 0;
  await runInProcess({ ...invocation, agentAt: () => local, onBegun: () => begun++ });
  assert.equal(begun, 0);
  // At 0, 200 and 400 ms; fewer on a busy machine.
  assert.ok(warnings() >= 1 && warnings() <= 3, `${warnings()} warnings`);
});

test("DEL with the agent down removes the devices and queues the endpoint's deletion", async (t) => {
  const { run, stopAgent, socketPath, pod, netns } = await setup(t);
  assert.equal((await run("ADD")).code, 0);
  await stopAgent();
  assert.equal((await run("DEL")).code, 0);
  assert.equal(pod.link("eth0"), undefined);
  const queue = deleteQueueDirectory(socketPath);
  assert.ok(existsSync(queue));
  assert.equal(readdirSync(queue).length, 1);
  // The namespace is gone, or was never told: still fine, and queued only once.
  assert.equal((await run("DEL", { env: { CNI_NETNS: `${netns}-gone` } })).code, 0);
  assert.equal((await run("DEL", { env: { CNI_NETNS: "" } })).code, 0);
  assert.equal(readdirSync(queue).length, 1);
});

test("STATUS is fine with a healthy agent, and says when it is not", async (t) => {
  const healthy = await setup(t);
  const config = { cniVersion: "1.1.0" };
  assert.deepEqual(await healthy.run("STATUS", { config }), { code: 0, answer: {} });
  const healthz = () => ({ cilium: { state: "Failure" as const, msg: "datapath not loaded" } });
  const sick = await setup(t, { override: { healthz } });
  const { answer } = await sick.run("STATUS", { config });
  assert.equal(answer.code, 50);
  assert.match(answer.msg ?? "", /state Failure: datapath not loaded/);
  const broken = { name: "datapath", state: "degraded" as const, message: "link eth0: EBUSY" };
  const limited = await setup(t, { override: { healthz: () => ({ cilium: { state: "Ok" }, modules: [broken] }) } });
  const { answer: status } = await limited.run("STATUS", { config });
  assert.equal(status.code, 51);
  assert.match(status.msg ?? "", /datapath is degraded: link eth0: EBUSY/);
});

test("a limit of what the container sends is refused where programs are filters", async (t) => {
  const runtimeConfig = { bandwidth: { egressRate: 8000, egressBurst: 8000 } };
  for (const [mode, code] of [
    ["tc", 2],
    ["tcx", undefined],
  ] as const) {
    const healthz = () => ({
      cilium: { state: "Ok" as const },
      kvstore: { state: "Disabled" as const },
      "attach-mode": mode,
    });
    const { run } = await setup(t, { override: { healthz } });
    const { answer } = await run("ADD", { config: { runtimeConfig } });
    assert.equal(answer.code, code, answer.msg ?? "");
    if (code !== undefined) assert.match(answer.msg ?? "", /"runtimeConfig\.bandwidth\.egressRate".*need tcx/);
    const { bandwidth } = runtimeConfig;
    const ingress = { runtimeConfig: { bandwidth: { ...bandwidth, egressRate: 0, ingressRate: 8000 } } };
    await run("DEL");
    assert.equal((await run("ADD", { config: ingress })).answer.code, undefined);
    await run("DEL");
  }
});
