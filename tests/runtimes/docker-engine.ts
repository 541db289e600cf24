// SPDX-License-Identifier: Apache-2.0
// Debian's Docker engine and our plug-in on a node of a sandbox, with folders, sockets and mounts of their own.
import { type ChildProcess, execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { nodeCommand } from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/core/testing.ts";
import { collect, type Output, type Scenario } from "../scenarios/harness.ts";
import type { Probe } from "../scenarios/helpers/probe.ts";
import { helper, mountedFolders } from "./cni-host.ts";
import { containerdSocket, startContainerd } from "./containerd.ts";
import { imageName, importImage } from "./image.ts";
import { NodeMounts, spawnLogged } from "./node-mounts.ts";
import { end, endRemains } from "./processes.ts";
import { programs } from "./programs.ts";

const root = join(import.meta.dirname, "../..");

/** Commands end within 30 s; what they print tells what went wrong. */
export class DockerEngine {
  readonly folder = mkdtempSync(join(tmpdir(), "cilium-docker-"));
  readonly #scenario: Scenario;
  readonly #node: string;
  readonly #cgroup = `cilium-docker-${process.pid}`;
  /** Holds the mounts: an engine that starts again needs those of the one before. */
  #mounts: NodeMounts | undefined;
  #containerd: ChildProcess | undefined;
  #plugin: ChildProcess | undefined;
  #engine: ChildProcess | undefined;

  private constructor(scenario: Scenario, node: string) {
    this.#scenario = scenario;
    this.#node = node;
  }

  /** Starts both, and imports an image. */
  static async start(scenario: Scenario, node: string): Promise<DockerEngine> {
    const engine = new DockerEngine(scenario, node);
    try {
      await engine.#makeMounts();
      await engine.#startContainerd();
      await engine.startPlugin();
      await engine.startEngine();
      importImage(`unix://${engine.socket}`);
      return engine;
    } catch (error) {
      await engine.stop();
      throw error;
    }
  }

  get socket(): string {
    return join(this.folder, "docker.sock");
  }

  get pluginLog(): string {
    return readFileSync(join(this.folder, "plugin.log"), "utf8");
  }

  /** Plug-ins are looked for in one folder of the machine: this engine sees another one there. */
  async #makeMounts(): Promise<void> {
    const plugins = join(this.folder, "plugins");
    mkdirSync(plugins);
    const script = `mkdir -p /run/docker/plugins && mount --bind "$0" /run/docker/plugins`;
    this.#mounts = await NodeMounts.make(this.#scenario, this.#node, script, plugins);
  }

  #spawn(log: string, command: readonly string[]): ChildProcess {
    if (this.#mounts === undefined) throw new Error(`Cannot start "${command[0]}": there are no mounts`);
    return spawnLogged(this.#mounts.command(command), this.folder, log);
  }

  /** A service of its own, as on Debian: an engine that is killed takes its children along. */
  async #startContainerd(): Promise<void> {
    this.#containerd = await startContainerd(this.folder, (log, command) => this.#spawn(log, command));
  }

  async startPlugin(): Promise<void> {
    const started = existsSync(join(this.folder, "plugin.log")) ? this.pluginLog.length : 0;
    this.#plugin = this.#spawn("plugin.log", [join(root, "bin/cilium-docker"), "--docker-socket", this.socket]);
    await eventually("plug-in", () => this.pluginLog.slice(started).includes("Plug-in is ready"));
  }

  async killPlugin(signal: NodeJS.Signals): Promise<void> {
    await end(this.#plugin, signal);
    this.#plugin = undefined;
  }

  /** Kills the program behind the plug-in's door. */
  killWorker(): void {
    const children = ["-ww", "-o", "pid=,args=", "--ppid", String(this.#plugin?.pid)];
    const lines = execFileSync("ps", children, { encoding: "utf8" }).split("\n");
    for (const line of lines) if (/^\s*\d+ \S*\/node /.test(line)) process.kill(Number.parseInt(line, 10), "SIGKILL");
  }

  async startEngine(): Promise<void> {
    const files = ["--data-root", "data", "--exec-root", "exec", "--pidfile", "docker.pid"];
    const paths = files.map((word) => (word.startsWith("--") ? word : join(this.folder, word)));
    const network = ["--bridge=none", "--iptables=false", "--ip6tables=false"];
    const more = [
      "--live-restore",
      "--containerd",
      containerdSocket(this.folder),
      "--cgroup-parent",
      this.#cgroup,
      "-H",
      `unix://${this.socket}`,
    ];
    this.#engine = this.#spawn("dockerd.log", [programs.dockerd, ...network, ...paths, ...more]);
    await eventually("engine", async () => (await this.docker("version")).code === 0);
  }

  async killEngine(): Promise<void> {
    await end(this.#engine, "SIGKILL");
    this.#engine = undefined;
  }

  async docker(...args: readonly string[]): Promise<Output> {
    const command = nodeCommand(this.#scenario.sandbox, this.#node, [programs.docker, ...args]);
    const own = { DOCKER_HOST: `unix://${this.socket}`, DOCKER_CONFIG: join(this.folder, "client") };
    return await collect({ ...command, env: { ...command.env, ...own } });
  }

  /** As `docker`, for what has to work; its stdout. */
  async must(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.docker(...args);
    if (code !== 0) throw new Error(`docker ${args.join(" ")}: exit code ${code}: ${stderr}`);
    return stdout.trim();
  }

  /** Starts a container that runs a helper, or sleeps; gives its id. */
  async run(
    name: string,
    network: string,
    labels: readonly string[],
    program?: string,
    more: readonly string[] = [],
  ): Promise<string> {
    const binds = mountedFolders.flatMap((path) => ["-v", `${path}:${path}:ro`]);
    const options = [...labels.flatMap((label) => ["-l", label]), ...more];
    const command = program === undefined ? ["/bin/sleep", "infinity"] : helper(program);
    return await this.must("run", "-d", "--name", name, "--net", network, ...options, ...binds, imageName, ...command);
  }

  /** Asks all questions at once from a container. */
  async probe(container: string, probes: readonly Probe[]): Promise<boolean[]> {
    return JSON.parse(await this.must("exec", container, ...helper("probe.ts", JSON.stringify(probes)))) as boolean[];
  }

  async ip(container: string, family: 4 | 6): Promise<string> {
    const field = family === 4 ? "IPAddress" : "GlobalIPv6Address";
    return await this.must("inspect", "-f", `{{range .NetworkSettings.Networks}}{{.${field}}}{{end}}`, container);
  }

  /** Calls the plug-in as the engine does. */
  async callPlugin(name: string, body: object): Promise<{ readonly status: number; readonly body: unknown }> {
    const request = httpRequest({
      socketPath: join(this.folder, "plugins/cilium.sock"),
      method: "POST",
      path: `/${name}`,
    });
    request.end(JSON.stringify(body));
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return { status: response.statusCode ?? 0, body: JSON.parse(await text(response)) as unknown };
  }

  /** All processes end at once; what the engine and containerd keep on disk stays. */
  async losePower(): Promise<void> {
    await Promise.all([this.killEngine(), this.killPlugin("SIGKILL"), end(this.#containerd, "SIGKILL")]);
    await endRemains(containerdSocket(this.folder), this.#cgroup);
    for (const name of ["exec", "docker.pid", "containerd-state", "containerd.sock", "plugins/cilium.sock"])
      rmSync(join(this.folder, name), { recursive: true, force: true });
  }

  async powerOn(): Promise<void> {
    await this.#startContainerd();
    await this.startPlugin();
    await this.startEngine();
  }

  /** Ends everything, whatever state it is in; containers that no engine removes go with their processes. */
  async stop(): Promise<void> {
    if (this.#engine !== undefined) {
      const { stdout } = await this.docker("ps", "-aq");
      const containers = stdout.split("\n").filter((id) => id !== "");
      if (containers.length > 0) await this.docker("rm", "-f", ...containers);
    }
    await end(this.#engine, "SIGTERM");
    await end(this.#plugin, "SIGTERM");
    await end(this.#containerd, "SIGTERM");
    await endRemains(containerdSocket(this.folder), this.#cgroup);
    await this.#mounts?.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
