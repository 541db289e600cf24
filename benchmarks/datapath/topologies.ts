// SPDX-License-Identifier: Apache-2.0
// What our datapath is compared with, and ours: a client's and a server's namespace, and the server's address.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  applyObjects,
  checkManifests,
  createSandbox,
  deleteSandbox,
  findPod,
  sandboxPaths,
} from "../../apps/sandbox/index.ts";

/** Where the measuring programs run. */
export interface Path {
  readonly client: string;
  readonly server: string;
  readonly address: string;
}

/** One whose server has an address of each family. */
export interface DualPath extends Path {
  readonly ipv6: string;
}

const cniPlugins = "/usr/lib/cni";
const prefix = "bench-dp";

/** Makes all topologies; dispose removes them. */
export class Topologies implements AsyncDisposable {
  readonly #netns: string[] = [];
  readonly #folders: string[] = [];
  readonly #sandboxes: string[] = [];

  /** Two namespaces, one veth pair, nothing between. */
  directVeth(name: string): DualPath {
    const [client, server] = [this.#namespace(`${name}-c`), this.#namespace(`${name}-s`)];
    ip("link", "add", "eth0", "netns", client, "type", "veth", "peer", "name", "eth0", "netns", server);
    addressAndUp(client, "10.90.0.1/24", "fd00:90::1/64");
    addressAndUp(server, "10.90.0.2/24", "fd00:90::2/64");
    return { client: path(client), server: path(server), address: "10.90.0.2", ipv6: "fd00:90::2" };
  }

  /**
   * The stock bridge plugin with ipMasq. Its NAT rules bring conntrack in, and bridge-nf-call-iptables brings bridged
   * packets to it, as Kubernetes nodes have it.
   */
  bridgePlugin(): DualPath {
    const [host, client, server] = ["b-host", "b-c", "b-s"].map((name) => this.#namespace(name)) as [
      string,
      string,
      string,
    ];
    const folder = mkdtempSync(join(tmpdir(), `${prefix}-`));
    this.#folders.push(folder);
    const ranges = [[{ subnet: "10.91.0.0/24" }], [{ subnet: "fd00:91::/64" }]];
    const ipam = { type: "host-local", ranges, dataDir: folder };
    const config = {
      cniVersion: "1.0.0",
      name: prefix,
      type: "bridge",
      bridge: "cni0",
      isGateway: true,
      ipMasq: true,
      ipam,
    };
    for (const tables of ["iptables", "ip6tables"]) {
      inNetns(host, "sysctl", "-qw", `net.bridge.bridge-nf-call-${tables}=1`);
    }
    const addresses = [client, server].map((netns) => {
      const result = execFileSync("nsenter", [`--net=${path(host)}`, join(cniPlugins, "bridge")], {
        input: JSON.stringify(config),
        encoding: "utf8",
        env: {
          PATH: process.env.PATH,
          CNI_COMMAND: "ADD",
          CNI_CONTAINERID: netns,
          CNI_NETNS: path(netns),
          CNI_IFNAME: "eth0",
          CNI_PATH: cniPlugins,
        },
      });
      const { ips } = JSON.parse(result) as { ips: { address: string }[] };
      return ips.map(({ address }) => address.split("/")[0] ?? "");
    });
    const [address = "", ipv6 = ""] = addresses[1] ?? [];
    inNetns(client, "ping", "-q", "-c1", "-W2", address);
    const flows = inNetns(host, "cat", "/proc/net/nf_conntrack");
    if (!flows.includes(address)) throw new Error("Cannot compare: the bridge's traffic is not in conntrack");
    return { client: path(client), server: path(server), address, ipv6 };
  }

  /** Two hosts on a switch, as the sandbox's nodes are; a VXLAN device in a bridge on each; conntrack is not used. */
  kernelVxlan(): DualPath {
    const wire = this.#namespace("v-wire");
    ip("-n", wire, "link", "add", "br0", "type", "bridge");
    ip("-n", wire, "link", "set", "br0", "up");
    const pods = ["1", "2"].map((n) => {
      const [host, pod] = [this.#namespace(`v-host${n}`), this.#namespace(`v-pod${n}`)];
      ip("link", "add", "eth0", "netns", host, "type", "veth", "peer", "name", `host${n}`, "netns", wire);
      ip("-n", wire, "link", "set", `host${n}`, "master", "br0", "up");
      addressAndUp(host, `172.31.90.${n}/24`);
      ip("-n", host, "link", "add", "br0", "type", "bridge");
      ip("-n", host, "link", "set", "br0", "up");
      const remote = `172.31.90.${n === "1" ? 2 : 1}`;
      ip(
        "-n",
        host,
        "link",
        "add",
        "vx0",
        "type",
        "vxlan",
        "id",
        "42",
        "dstport",
        "4789",
        "remote",
        remote,
        "dev",
        "eth0",
      );
      ip("-n", host, "link", "set", "vx0", "master", "br0", "up");
      ip("link", "add", "eth0", "netns", pod, "mtu", "1450", "type", "veth", "peer", "name", "pod", "netns", host);
      ip("-n", host, "link", "set", "pod", "mtu", "1450", "master", "br0", "up");
      addressAndUp(pod, `10.92.0.${n}/24`, `fd00:92::${n}/64`);
      for (const netns of [wire, host]) {
        for (const tables of ["iptables", "ip6tables"]) {
          inNetns(netns, "sysctl", "-qw", `net.bridge.bridge-nf-call-${tables}=0`);
        }
      }
      return path(pod);
    });
    return { client: pods[0] ?? "", server: pods[1] ?? "", address: "10.92.0.2", ipv6: "fd00:92::2" };
  }

  /**
   * A sandbox of two nodes whose servers are under an ingress policy: conntrack, identities and policy are at work.
   * `bpfRoots` is where its nodes pin their maps.
   */
  async ours(): Promise<{ sameNode: DualPath; otherNode: DualPath; bpfRoots: readonly string[] }> {
    const name = `${prefix}-${process.pid % 100000}-${this.#sandboxes.length}`;
    this.#sandboxes.push(name);
    const sandbox = await createSandbox({ name });
    await applyObjects(name, checkManifests(manifests, "benchmark"));
    const netns = (pod: string) => sandboxPaths(name).pod("default", pod).netns;
    const to = (server: string): DualPath => {
      const { ips } = findPod(sandbox, "default", server);
      const [address = "", ipv6 = ""] = [false, true].map((colon) => ips.find((ip) => ip.includes(":") === colon));
      return { client: netns("client"), server: netns(server), address, ipv6 };
    };
    const bpfRoots = sandbox.nodes.map((node) => sandboxPaths(name).node(node.name).bpf);
    return { sameNode: to("same"), otherNode: to("other"), bpfRoots };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const netns of this.#netns) ip("netns", "del", netns);
    for (const folder of this.#folders) rmSync(folder, { recursive: true });
    for (const sandbox of this.#sandboxes) await deleteSandbox(sandbox);
  }

  #namespace(name: string): string {
    const netns = `${prefix}-${process.pid}-${name}`;
    ip("netns", "add", netns);
    this.#netns.push(netns);
    ip("-n", netns, "link", "set", "lo", "up");
    return netns;
  }
}

const manifests = ["client node1", "same node1", "other node2"]
  .map((pair) => {
    const [name, node] = pair.split(" ");
    return `apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: ${name === "client" ? "client" : "server"}}}
spec: {nodeName: ${node}, containers: [{name: main, command: [sleep, infinity]}]}
---
`;
  })
  .concat(`apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: servers}
spec:
  endpointSelector: {matchLabels: {app: server}}
  ingress: [{fromEndpoints: [{matchLabels: {app: client}}]}]
`)
  .join("");

const path = (netns: string): string => `/run/netns/${netns}`;

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "inherit"] });
}

function inNetns(netns: string, ...command: string[]): string {
  return execFileSync("nsenter", [`--net=${path(netns)}`, ...command], { encoding: "utf8" });
}

function addressAndUp(netns: string, ...addresses: readonly string[]): void {
  for (const address of addresses) {
    ip("-n", netns, "addr", "add", address, "dev", "eth0", ...(address.includes(":") ? ["nodad"] : []));
  }
  ip("-n", netns, "link", "set", "eth0", "up");
}
