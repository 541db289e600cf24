// SPDX-License-Identifier: Apache-2.0
// Debian's podman with its CNI backend, rootful, and its service, which is asked for labels.
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../src/core/testing.ts";
import { type CniHost, mountedFolders } from "./cni-host.ts";
import { archiveName } from "./image.ts";
import { end, endRemains } from "./processes.ts";
import { programs } from "./programs.ts";

/** Without CAP_SYS_RESOURCE no limit can be raised, as podman would by itself. */
const configuration = `
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[network]
network_backend = "cni"
cni_plugin_dirs = ["/usr/lib/cni"]
`;

export class Podman {
  readonly networks: string;
  readonly #host: CniHost;
  readonly #cgroup = `cilium-podman-${process.pid}`;
  #service: ChildProcess | undefined;

  private constructor(host: CniHost) {
    this.#host = host;
    this.networks = join(host.folder, "podman-net.d");
    mkdirSync(this.networks);
    writeFileSync(join(host.folder, "containers.conf"), configuration);
  }

  static async start(host: CniHost, archive: string): Promise<Podman> {
    const podman = new Podman(host);
    await podman.must("load", "-i", archive);
    const service = podman.#command(["system", "service", "--time", "0", `unix://${podman.socket}`]);
    podman.#service = host.spawn("podman.log", service);
    await eventually("podman's service", () => existsSync(podman.socket));
    return podman;
  }

  get socket(): string {
    return join(this.#host.folder, "podman.sock");
  }

  #command(args: readonly string[]): string[] {
    const folder = (name: string) => join(this.#host.folder, name);
    const folders = ["--root", folder("podman"), "--runroot", folder("podman-run"), "--tmpdir", folder("podman-tmp")];
    const how = ["--cgroup-manager", "cgroupfs", "--events-backend", "file", "--storage-driver", "vfs"];
    const runtime = ["--runtime", programs.runc, "--runtime-flag", `root=${folder("runc")}`];
    return [programs.podman, ...folders, ...how, ...runtime, "--network-config-dir", this.networks, ...args];
  }

  async must(...args: readonly string[]): Promise<string> {
    return await this.#host.must(this.#command(args));
  }

  /** Without a network for a pod's container. */
  async run(name: string, network: string, options: readonly string[], command: readonly string[]): Promise<string> {
    const mounts = mountedFolders.flatMap((path) => ["-v", `${path}:${path}:ro`]);
    const group = ["--cgroup-parent", `/${this.#cgroup}`];
    const inNetwork = network === "" ? [] : ["--network", network];
    const run = ["run", "-d", "--name", name, ...inNetwork, ...group, ...options, ...mounts];
    return await this.must(...run, archiveName, ...command);
  }

  /** Makes a pod whose own container, which has the network, comes from the test's image. */
  async createPod(name: string, network: string, labels: readonly string[]): Promise<void> {
    const infra = ["--infra-image", archiveName, "--infra-command", "/bin/sleep infinity"];
    const options = labels.flatMap((label) => ["-l", label]);
    await this.must("pod", "create", "--name", name, "--network", network, ...options, ...infra);
  }

  async stop(): Promise<void> {
    await this.must("rm", "-f", "-a", "-t", "0");
    await end(this.#service, "SIGTERM");
    await endRemains(join(this.#host.folder, "podman"), this.#cgroup);
  }
}
