// SPDX-License-Identifier: Apache-2.0
// From a pod to a server outside of its node, which sees the node's address: by our programs, and by iptables.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { applyObjects, checkManifests, createSandbox, deleteSandbox, sandboxPaths } from "../../apps/sandbox/index.ts";
import type { DualPath } from "../datapath/topologies.ts";

const manifest = `apiVersion: v1
kind: Pod
metadata: {name: client, labels: {app: client}}
spec: {nodeName: node1, containers: [{name: main, command: [sleep, infinity]}]}
`;

/** Makes the paths; dispose removes them. */
export class MasqueradePaths implements AsyncDisposable {
  readonly #prefix = `bench-masq-${process.pid}`;
  readonly #netns: string[] = [];
  readonly #sandboxes: string[] = [];

  /** A sandbox of one node; the server is on its underlay. */
  async ours(settings: Readonly<Record<string, string>> = {}): Promise<DualPath> {
    const name = `bench-m${this.#sandboxes.length}-${process.pid % 100_000}`;
    this.#sandboxes.push(name);
    const { nodes } = await createSandbox({ name, nodes: 1, settings });
    await applyObjects(name, checkManifests(manifest, "benchmark"));
    const outside = (node: string | undefined) => (node ?? "").replace(/([:.])11$/, "$1200");
    return {
      client: sandboxPaths(name).pod("default", "client").netns,
      server: sandboxPaths(name).underlayNetns,
      address: outside(nodes[0]?.ipv4),
      ipv6: outside(nodes[0]?.ipv6),
    };
  }

  /** The same wires: a pod behind a host, whose eth0 is a port of a bridge; iptables' MASQUERADE with conntrack. */
  iptables(): DualPath {
    const [host, pod, wire] = ["host", "pod", "wire"].map((name) => this.#namespace(name)) as [string, string, string];
    ip("-n", wire, "link", "add", "br0", "type", "bridge");
    ip("-n", wire, "link", "set", "br0", "up");
    connect(host, "eth0", wire, "port");
    ip("-n", wire, "link", "set", "port", "master", "br0");
    connect(pod, "eth0", host, "lxc");
    for (const [netns, device, ...addresses] of [
      [wire, "br0", "172.31.94.200/24", "fd00:31:94::200/64"],
      [host, "eth0", "172.31.94.11/24", "fd00:31:94::11/64"],
      [host, "lxc", "10.94.0.1/24", "fd00:94::1/64"],
      [pod, "eth0", "10.94.0.2/24", "fd00:94::2/64"],
    ] as const) {
      for (const address of addresses) {
        ip("-n", netns, "addr", "add", address, "dev", device, ...(address.includes(":") ? ["nodad"] : []));
      }
    }
    inNetns(host, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
    ip("-n", pod, "route", "add", "default", "via", "10.94.0.1");
    ip("-n", pod, "route", "add", "default", "via", "fd00:94::1");
    const rule = (source: string) => ["-t", "nat", "-A", "POSTROUTING", "-s", source, "-o", "eth0", "-j", "MASQUERADE"];
    inNetns(host, "iptables", ...rule("10.94.0.0/24"));
    inNetns(host, "ip6tables", ...rule("fd00:94::/64"));
    return { client: path(pod), server: path(wire), address: "172.31.94.200", ipv6: "fd00:31:94::200" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const netns of this.#netns) ip("netns", "del", netns);
    for (const sandbox of this.#sandboxes) await deleteSandbox(sandbox);
  }

  #namespace(name: string): string {
    const netns = `${this.#prefix}-${name}`;
    ip("netns", "add", netns);
    this.#netns.push(netns);
    ip("-n", netns, "link", "set", "lo", "up");
    return netns;
  }
}

const mirror = join(import.meta.dirname, "../../tests/scenarios/helpers/mirror.ts");

/** Fails unless the server sees another address than the client's own. */
export async function checkMasqueraded({ client, server, address }: DualPath): Promise<void> {
  const inside = (netns: string, ...command: string[]) => [`--net=${netns}`, ...command];
  const serving = spawn("nsenter", inside(server, process.execPath, mirror, "serve"), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await once(serving.stdout, "data");
    const told = execFileSync("nsenter", inside(client, process.execPath, mirror, "ask", address), {
      encoding: "utf8",
    });
    const own = execFileSync("nsenter", inside(client, "ip", "-o", "addr", "show", "dev", "eth0"), {
      encoding: "utf8",
    });
    const seen = (JSON.parse(told) as { tcp: string[] }).tcp[0]?.split(" ")[0];
    if (seen === undefined || own.includes(` ${seen}/`)) {
      throw new Error(`Cannot compare: the server sees "${seen}" (expected the node's address)`);
    }
  } finally {
    serving.kill("SIGKILL");
  }
}

const path = (netns: string): string => `/run/netns/${netns}`;

function connect(netns: string, device: string, other: string, otherDevice: string): void {
  ip("link", "add", device, "netns", netns, "type", "veth", "peer", "name", otherDevice, "netns", other);
  ip("-n", netns, "link", "set", device, "up");
  ip("-n", other, "link", "set", otherDevice, "up");
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });
}

function inNetns(netns: string, ...command: string[]): string {
  return execFileSync("nsenter", [`--net=${path(netns)}`, ...command], { encoding: "utf8" });
}
