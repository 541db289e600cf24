// SPDX-License-Identifier: Apache-2.0
// For kernel tests: a node with a real agent process, and pods made by the real CNI plugin.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { AgentClient } from "../../src/api/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { openPinnedMaps } from "../../src/datapath/index.ts";
import { createNetns, deleteNetns, isMounted, openNetns, Rtnetlink, unmount } from "../../src/kernel/index.ts";

const root = join(import.meta.dirname, "../..");
const helpers = join(root, "tests/scenarios/helpers");

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CniResult {
  readonly ips: readonly { readonly address: string }[];
}

/** A namespace with an underlay, folders of its own, and whatever the test makes on it. `close()` leaves nothing. */
export class AgentNode {
  readonly name = `agt-${process.pid}`;
  readonly directory = mkdtempSync("/run/agent-test-");
  readonly staticResources = join(this.directory, "static");
  readonly bpfRoot = join(this.directory, "bpf");
  readonly stateDir = join(this.directory, "state");
  readonly client = new AgentClient({ socketPath: join(this.stateDir, "cilium.sock") });
  readonly #netns = new Set<string>();
  readonly #children = new Set<ChildProcess>();

  readonly #settings: Readonly<Record<string, string>>;

  /** `settings`: of the agent, beside those that every test needs. */
  constructor(settings: Readonly<Record<string, string>> = {}) {
    this.#settings = settings;
    for (const path of [this.staticResources, this.bpfRoot]) mkdirSync(path);
    const netns = this.#makeNetns("node");
    using rtnl = new Rtnetlink({ netns });
    rtnl.setLink("lo", { up: true });
    const { ifindex } = rtnl.createVeth({ name: "eth0", peer: { name: "underlay" } });
    for (const device of ["underlay", "eth0"]) rtnl.setLink(device, { up: true });
    rtnl.addAddress({ ifindex, address: "172.31.250.1", prefixLength: 24 });
    rtnl.addAddress({ ifindex, address: "fd00:31:250::1", prefixLength: 64, noDad: true });
  }

  /**
   * A machine `name` on a wire to the node, or to another one: IPv4 addresses `.1` (there, on `device`) and `.2`, and
   * IPv6 ones `::1` and `::2` where there is a network for them.
   */
  neighbour(
    name: string,
    device: string,
    network: string,
    more: { ipv6?: string; of?: string; mtu?: number } = {},
  ): void {
    using netns = openNetns(this.#makeNetns(name));
    using rtnl = new Rtnetlink({ netns: this.netns(more.of ?? "node") });
    rtnl.createVeth({ name: device, peer: { name: "eth0", netns } });
    using other = new Rtnetlink({ netns });
    for (const [side, link, number] of [
      [rtnl, device, 1],
      [other, "eth0", 2],
    ] as const) {
      const ifindex = side.link(link)?.ifindex ?? 0;
      side.setLink(ifindex, { up: true, ...(more.mtu !== undefined && { mtu: more.mtu }) });
      side.addAddress({ ifindex, address: `${network}.${number}`, prefixLength: 24 });
      if (more.ipv6 === undefined) continue;
      side.addAddress({ ifindex, address: `${more.ipv6}::${number}`, prefixLength: 64, noDad: true });
    }
  }

  /** Starts a process in the node's namespace, or a pod's. */
  spawn(netns: string, command: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn("nsenter", [`--net=${this.netns(netns)}`, ...command], { env: { ...process.env, ...env } });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  async run(
    netns: string,
    command: readonly string[],
    env?: Readonly<Record<string, string>>,
    input = "",
  ): Promise<Finished> {
    const child = this.spawn(netns, command, env);
    // A write, even of nothing, fails where the program has ended already.
    if (input === "") child.stdin?.end();
    else child.stdin?.end(input);
    const timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
    const output = (stream: NodeJS.ReadableStream | null) => (stream === null ? "" : text(stream));
    const [stdout, stderr, [code]] = await Promise.all([
      output(child.stdout),
      output(child.stderr),
      once(child, "close"),
    ]);
    clearTimeout(timer);
    return { code: code as number | null, stdout, stderr };
  }

  agentCommand(): string[] {
    const settings = {
      ...{ "state-dir": this.stateDir, "bpf-root": this.bpfRoot, "static-resources": this.staticResources },
      ...{ "ipv4-range": "10.99.0.0/24", "ipv6-range": "fd00:99::/112", "node-name": "n1" },
      // Its namespace would outlive the node.
      "enable-endpoint-health-checking": "false",
      ...{ "bpf-ct-global-tcp-max": 8192, "bpf-ct-global-any-max": 8192, "bpf-ipcache-max": 8192 },
      ...this.#settings,
    };
    return [join(root, "bin/cilium-agent"), ...Object.entries(settings).map(([key, value]) => `--${key}=${value}`)];
  }

  /** Starts the agent, with more flags; resolves when it answers. Returns the process, how long that took (ms), its log. */
  async startAgent(flags: readonly string[] = []): Promise<{ child: ChildProcess; ms: number; log: () => string }> {
    const since = performance.now();
    const child = this.spawn("node", [...this.agentCommand(), ...flags]);
    let log = "";
    child.stderr?.on("data", (chunk) => {
      log += chunk;
    });
    await eventually("the agent is ready", async () => {
      assert.equal(child.exitCode, null, `The agent ended: ${log}`);
      return log.includes("Agent is ready");
    });
    return { child, ms: performance.now() - since, log: () => log };
  }

  /** Runs the CNI plugin for a pod; its namespace is made with the first ADD. */
  async cni(command: "ADD" | "DEL", pod: string): Promise<CniResult> {
    const netns = existsSync(this.netns(pod)) ? this.netns(pod) : this.#makeNetns(pod);
    const env = {
      ...{
        CNI_COMMAND: command,
        CNI_CONTAINERID: `ctr-${pod}`,
        CNI_NETNS: netns,
        CNI_IFNAME: "eth0",
        CNI_PATH: "/nowhere",
      },
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod}`,
    };
    const config = { cniVersion: "1.0.0", name: "cilium", type: "cilium-cni", "agent-socket": this.client.socketPath };
    const input = JSON.stringify({ ...config, "log-file": join(this.directory, "cni.log") });
    const { code, stdout, stderr } = await this.run("node", [join(root, "bin/cilium-cni")], env, input);
    assert.equal(code, 0, `${command} ${pod}: ${stdout}${stderr}`);
    return (stdout === "" ? { ips: [] } : JSON.parse(stdout)) as CniResult;
  }

  /** One of the workloads in tests/scenarios/helpers. */
  workload(pod: string, name: "echo" | "stream", ...args: string[]): ChildProcess {
    return this.spawn(pod, [process.execPath, join(helpers, `${name}.ts`), ...args]);
  }

  /** Asks from a pod; true where there was an answer. */
  async probe(pod: string, probes: readonly object[]): Promise<boolean[]> {
    const command = [process.execPath, join(helpers, "probe.ts"), JSON.stringify(probes)];
    const { code, stdout, stderr } = await this.run(pod, command);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as boolean[];
  }

  writeManifest(name: string, manifest: string): void {
    writeFileSync(join(this.staticResources, name), manifest);
  }

  /** What the programs work with. */
  kernel() {
    using maps = openPinnedMaps(this.bpfRoot);
    const byAddress = (a: { address: string }, b: { address: string }) => (a.address < b.address ? -1 : 1);
    const policy = maps.policy
      .list()
      .map((row) => JSON.stringify(row))
      .sort();
    return { slots: maps.endpoints.list(), addresses: maps.lxc.list().sort(byAddress), policy };
  }

  stored(id: number): unknown {
    return JSON.parse(readFileSync(join(this.stateDir, "state", String(id), "endpoint.json"), "utf8"));
  }

  netns(name: string): string {
    return `/run/netns/${this.name}-${name}`;
  }

  /** eventually(): what is waited for, the condition, and how long at most (ms). */
  readonly until = eventually;

  /** Ends a process and waits for it; returns its exit code. */
  async end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
    const closed = once(child, "exit");
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    const [code] = (await closed) as [number | null];
    clearTimeout(timer);
    return code;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.end(child, "SIGKILL")));
    for (const name of this.#netns) deleteNetns(this.netns(name));
    if (isMounted(this.bpfRoot)) unmount(this.bpfRoot);
    rmSync(this.directory, { recursive: true });
  }

  #makeNetns(name: string): string {
    const path = this.netns(name);
    createNetns(path).close();
    this.#netns.add(name);
    return path;
  }
}
