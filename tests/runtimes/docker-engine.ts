// SPDX-License-Identifier: Apache-2.0
// Debian's Docker engine and our plug-in on a node of a sandbox, with folders, sockets and mounts of their own.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { nodeCommand, spawnIn } from "../../apps/sandbox/index.ts";
import { eventually } from "../../src/kvstore/testing.ts";
import { collect, type Output, type Scenario } from "../scenarios/harness.ts";
import type { Probe } from "../scenarios/helpers/probe.ts";
import { imageName, importImage } from "./image.ts";
import { end, endRemains } from "./processes.ts";
import { programs } from "./programs.ts";

const root = join(import.meta.dirname, "../..");
const helpers = join(root, "tests/scenarios/helpers");
const nodeFolder = dirname(dirname(process.execPath));

/** Commands end within 30 s; what they print tells what went wrong. */
export class DockerEngine {
  readonly folder = mkdtempSync(join(tmpdir(), "cilium-docker-"));
  readonly #scenario: Scenario;
  readonly #node: string;
  readonly #cgroup = `cilium-docker-${process.pid}`;
  /** Holds the mounts: an engine that starts again needs those of the one before. */
  #mounts: ChildProcess | undefined;
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
    const script = `mkdir -p /run/docker/plugins && mount --bind "$0" /run/docker/plugins && echo && exec sleep infinity`;
    const command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, plugins];
    const stdio = ["ignore", "pipe", "inherit"] as const;
    this.#mounts = spawnIn(nodeCommand(this.#scenario.sandbox, this.#node, command), { stdio: [...stdio] });
    if (this.#mounts.stdout !== null) await once(this.#mounts.stdout, "data");
  }

  #spawn(log: string, command: readonly string[]): ChildProcess {
    const file = openSync(join(this.folder, log), "a");
    const inMounts = ["nsenter", "-t", String(this.#mounts?.pid), "--mount", "--", ...command];
    return spawnIn(nodeCommand(this.#scenario.sandbox, this.#node, inMounts), { stdio: ["ignore", file, file] });
  }

  /** A service of its own, as on Debian: an engine that is killed takes its children along. */
  async #startContainerd(): Promise<void> {
    const config = join(this.folder, "containerd.toml");
    writeFileSync(config, 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n');
    const folders = ["--root", join(this.folder, "containerd"), "--state", join(this.folder, "containerd-state")];
    const command = [programs.containerd, "--config", config, "--address", this.#containerdSocket, ...folders];
    this.#containerd = this.#spawn("containerd.log", command);
    await eventually("containerd", () => existsSync(this.#containerdSocket));
  }

  get #containerdSocket(): string {
    return join(this.folder, "containerd.sock");
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

  async startEngine(): Promise<void> {
    const files = ["--data-root", "data", "--exec-root", "exec", "--pidfile", "docker.pid"];
    const paths = files.map((word) => (word.startsWith("--") ? word : join(this.folder, word)));
    const network = ["--bridge=none", "--iptables=false", "--ip6tables=false"];
    const more = [
      "--live-restore",
      "--containerd",
      this.#containerdSocket,
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
  async run(name: string, network: string, labels: readonly string[], helper?: string): Promise<string> {
    const binds = [root, nodeFolder, "/usr"].flatMap((path) => ["-v", `${path}:${path}:ro`]);
    const options = labels.flatMap((label) => ["-l", label]);
    const command = helper === undefined ? ["/bin/sleep", "infinity"] : [process.execPath, join(helpers, helper)];
    return await this.must("run", "-d", "--name", name, "--net", network, ...options, ...binds, imageName, ...command);
  }

  /** Asks all questions at once from a container. */
  async probe(container: string, probes: readonly Probe[]): Promise<boolean[]> {
    const command = [process.execPath, join(helpers, "probe.ts"), JSON.stringify(probes)];
    return JSON.parse(await this.must("exec", container, ...command)) as boolean[];
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
    await endRemains(`${this.folder}/containerd.sock`, this.#cgroup);
    await end(this.#mounts, "SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
