// SPDX-License-Identifier: Apache-2.0
// One sandbox that all faults happen in: an echo pod on each node that only the client may reach, and maps that fill up.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  agentClient,
  agentProcess,
  agentSettings,
  etcdProcess,
  killAgent,
  nodeOf,
  type Sandbox,
  sandboxPaths,
  startAgent,
  startEtcd,
  waitForAgent,
  waitForEtcd,
} from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { withNetns } from "../../src/kernel/index.ts";
import { clientPod, echoPod, noHealthEndpoints, type Output, Scenario } from "../scenarios/harness.ts";
import { EtcdProxy } from "./proxy.ts";

type Report = Awaited<ReturnType<ReturnType<Scenario["stream"]>["stop"]>>;

/** A fault as a test. */
export interface Fault {
  /** What happens, and what comes of it. */
  readonly name: string;
  readonly run: (world: World) => Promise<void>;
}

const onlyClient = `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: only-client}
spec:
  endpointSelector: {matchLabels: {app: echo}}
  ingress: [{fromEndpoints: [{matchLabels: {app: client}}]}]
`;

/** Milliseconds: a connection to etcd on which nothing comes any more is given up after 40 s. */
const patience = 120_000;

/** Small, so that they can be filled. */
const settings = {
  "bpf-policy-map-max": "256",
  "bpf-ipcache-max": "1024",
  "bpf-ct-global-tcp-max": "1024",
  "bpf-ct-global-any-max": "1024",
} as const;

export class World {
  readonly scenario: Scenario;
  /** Between the agent of node1 and etcd. */
  readonly proxy: EtcdProxy;

  private constructor(scenario: Scenario, proxy: EtcdProxy) {
    this.scenario = scenario;
    this.proxy = proxy;
  }

  static async create(): Promise<World> {
    const scenario = await Scenario.create("faults", { settings: { ...noHealthEndpoints, ...settings } });
    let proxy: EtcdProxy | undefined;
    try {
      proxy = await EtcdProxy.start(scenario.sandbox, etcdUrl(scenario.sandbox));
      const world = new World(scenario, proxy);
      await world.kill("node1");
      await world.start("node1");
      const echos = ["node1", "node2"].map((node) => echoPod(`echo-${node}`, node, { app: "echo" }));
      await scenario.apply([onlyClient, clientPod("client", "node1", { app: "client" }), ...echos].join("---\n"));
      await scenario.linked();
      return world;
    } catch (error) {
      await proxy?.stop();
      await scenario.delete();
      throw error;
    }
  }

  async delete(): Promise<void> {
    await this.proxy.stop();
    await this.scenario.delete();
  }

  get sandbox(): Sandbox {
    return this.scenario.sandbox;
  }

  paths(node: string) {
    return sandboxPaths(this.sandbox.name).node(node);
  }

  /** Lets something happen to traffic from the client to both echo pods. Not one packet of it may get lost. */
  async unnoticed(action: () => Promise<void>): Promise<void> {
    const reports = await this.during(action);
    assertNothingLost(reports.local, "on the same node");
    assertNothingLost(reports.remote, "to the other node");
  }

  /** The same, for faults that do break something: tells what traffic saw. */
  async during(action: () => Promise<void>): Promise<{ local: Report; remote: Report }> {
    const streams = [
      this.scenario.stream("client", this.scenario.ip("echo-node1", 4)),
      this.scenario.stream("client", this.scenario.ip("echo-node2", 6)),
    ] as const;
    try {
      const flowing = Promise.all(streams.map((stream) => stream.flowing));
      await Promise.race([flowing, sleep(patience, undefined, { ref: false }).then(() => assert.fail("no traffic"))]);
      await sleep(150);
      await action();
      await sleep(300);
    } finally {
      await Promise.all(streams.map((stream) => stream.stop())).then((reports) => {
        this.#last = reports as [Report, Report];
      });
    }
    const [local, remote] = this.#last ?? assert.fail("no report");
    return { local, remote };
  }
  #last: [Report, Report] | undefined;

  /** Runs `action` in a node's network namespace; it must not wait for anything. */
  onKernelOf<T>(node: string, action: () => T extends PromiseLike<unknown> ? never : T): T {
    return withNetns(this.paths(node).netns, action);
  }

  async on(node: string, ...command: string[]): Promise<Output> {
    const output = await this.scenario.onNode(node, command);
    assert.equal(output.code, 0, `${command.join(" ")}: ${output.stderr}`);
    return output;
  }

  async kill(node: string): Promise<void> {
    assert.ok(await killAgent(this.sandbox, nodeOf(this.sandbox, node)), `the agent of ${node} was not running`);
  }

  /** Starts a node's agent (its own settings go over the sandbox's) and waits until it is ready. */
  async start(node: string, more: { settings?: Record<string, string>; env?: Record<string, string> } = {}) {
    this.launch(node, more);
    await waitForAgent(this.sandbox, nodeOf(this.sandbox, node));
  }

  /** Starts what an earlier fault that failed left dead: one failure is not to hide the outcome of others. */
  async recover(): Promise<void> {
    if (etcdProcess(this.sandbox) === undefined) await this.startEtcd();
    await this.proxy.join();
    await this.proxy.delay(0);
    for (const node of ["node1", "node2"]) if (!this.running(node)) await this.start(node);
  }

  launch(node: string, more: { settings?: Record<string, string>; env?: Record<string, string> } = {}): void {
    const proxied = node === "node1" ? { "kvstore-opt": `etcd.address=${this.proxy.url}` } : {};
    const sandbox = { ...this.sandbox, settings: { ...this.sandbox.settings, ...proxied, ...more.settings } };
    startAgent(sandbox, nodeOf(this.sandbox, node), more.env);
  }

  running(node: string): boolean {
    return agentProcess(this.sandbox, nodeOf(this.sandbox, node)) !== undefined;
  }

  /** What a node's agent has logged since `from` characters. */
  log(node: string, from = 0): string {
    return readFileSync(this.paths(node).agentLog, "utf8").slice(from);
  }

  client(node: string) {
    return agentClient(this.sandbox, nodeOf(this.sandbox, node));
  }

  /** State and message of a part of a node's agent. */
  async health(node: string, module: string): Promise<string> {
    const { modules = [] } = await this.client(node).healthz();
    const found = modules.find(({ name }) => name === module);
    assert.ok(found, `no module "${module}" among ${modules.map(({ name }) => name).join(" ")}`);
    return `${found.state} ${found.message ?? ""}`;
  }

  async kvstoreState(node: string): Promise<string> {
    return (await this.client(node).healthz()).kvstore?.state ?? "none";
  }

  async startEtcd(): Promise<void> {
    await waitForEtcd(this.sandbox, startEtcd(this.sandbox));
    assert.ok(etcdProcess(this.sandbox));
  }

  /** Asks etcd's JSON gateway from the underlay. */
  async etcd(call: string, body: object): Promise<Record<string, unknown>> {
    const url = `${etcdUrl(this.sandbox)}/v3/${call}`;
    const { stdout } = await this.on(
      "node1",
      "curl",
      "-sS",
      "-m",
      "5",
      "--retry",
      "5",
      "--retry-all-errors",
      url,
      "-d",
      JSON.stringify(body),
    );
    return JSON.parse(stdout) as Record<string, unknown>;
  }

  /** A new pod on `node` (a name of its own each time) is known on the other one; it is removed again. */
  async assertNewPodsWork(name: string, node = "node2"): Promise<void> {
    const pod = clientPod(name, node, { app: "late" });
    await this.scenario.apply(pod);
    const late = { protocol: "ICMP", ip: this.scenario.ip(name, 6) } as const;
    await this.until(async () => (await this.scenario.probe("client", [late]))[0] === true, `no way to "${name}"`);
    await this.scenario.remove(pod);
  }

  /** Waits, for longer than any machine needs. */
  async until(condition: () => boolean | Promise<boolean>, otherwise: string): Promise<void> {
    await eventually(otherwise, condition, patience);
  }
}

export function assertNothingLost(report: Report, where: string): void {
  const text = `${where}: ${JSON.stringify(report)}`;
  assert.ok(report.connection.sent > 5 && report.connects.sent > 5, `too little traffic to tell ${text}`);
  for (const { sent, answered } of [report.connection, report.connects, report.datagrams]) {
    assert.equal(answered, sent, text);
  }
}

function etcdUrl(sandbox: Sandbox): string {
  const address = /"etcd\.address=([^"]+)"/.exec(JSON.stringify(agentSettings(sandbox, nodeOf(sandbox, "node2"))))?.[1];
  return address ?? assert.fail("the agents have no etcd.address");
}
