// SPDX-License-Identifier: Apache-2.0
// What flanneld makes on a node with its VXLAN backend, and the configuration that its CNI plugin delegates to `bridge`.
import assert from "node:assert/strict";
import { type SandboxNode, sandboxPaths } from "../../apps/sandbox/index.ts";
import { Rtnetlink } from "../../src/kernel/index.ts";
import type { Scenario } from "../scenarios/harness.ts";

/** What flanneld makes of each family: VNI 1 and UDP port 8472 of both; the underlay's headers are longer in IPv6. */
interface Family {
  readonly device: string;
  readonly mtu: number;
  readonly tool: readonly string[];
  /** The node's address in the underlay. */
  readonly local: (node: SandboxNode) => string | undefined;
  /** The node's part of the cluster's network: its first address, and its length. */
  readonly subnet: (node: SandboxNode) => readonly [base: string, length: number];
  readonly hostLength: number;
}

const families: readonly Family[] = [
  {
    device: "flannel.1",
    mtu: 1450,
    tool: ["-4"],
    local: ({ ipv4 }) => ipv4,
    subnet: ({ index }) => [`10.244.${index}.0`, 24],
    hostLength: 32,
  },
  {
    device: "flannel-v6.1",
    mtu: 1430,
    tool: ["-6"],
    local: ({ ipv6 }) => ipv6,
    subnet: ({ index }) => [`fd00:10:244:${index}::`, 64],
    hostLength: 128,
  },
];

/** Makes both devices on all nodes, without learning; routes, neighbours and forwarding for each other. */
export async function startFlannel(scenario: Scenario): Promise<void> {
  for (const family of families) await startFamily(scenario, family);
}

async function startFamily(scenario: Scenario, family: Family): Promise<void> {
  const { device, mtu, tool, local, subnet, hostLength } = family;
  const { nodes } = scenario.sandbox;
  const run = async (node: SandboxNode, command: string): Promise<void> => {
    const [program = "", ...args] = command.split(" ");
    const whole = program === "ip" ? [program, ...tool, ...args] : [program, ...args];
    const { code, stderr } = await scenario.onNode(node.name, whole);
    assert.equal(code, 0, `${whole.join(" ")}: ${stderr}`);
  };
  for (const node of nodes) {
    const tunnel = `id 1 local ${local(node)} dev eth0 dstport 8472 nolearning`;
    await run(node, `ip link add ${device} mtu ${mtu} type vxlan ${tunnel}`);
    await run(node, `ip addr add ${subnet(node)[0]}/${hostLength} dev ${device}`);
    await run(node, `ip link set ${device} up`);
  }
  const macs = new Map(nodes.map((node) => [node.name, macOf(scenario, node, device)]));
  for (const node of nodes) {
    for (const other of nodes) {
      if (other === node) continue;
      const mac = macs.get(other.name);
      const [base, length] = subnet(other);
      await run(node, `ip neigh replace ${base} lladdr ${mac} dev ${device} nud permanent`);
      await run(node, `bridge fdb append ${mac} dev ${device} dst ${local(other)}`);
      await run(node, `ip route add ${base}/${length} via ${base} dev ${device} onlink`);
    }
  }
}

function macOf(scenario: Scenario, node: SandboxNode, device: string): string {
  using rtnl = new Rtnetlink({ netns: sandboxPaths(scenario.name).node(node.name).netns });
  return rtnl.link(device)?.mac ?? "";
}

/** As flannel's plugin passes it on. */
export function delegated(node: SandboxNode, dataDir: string): Readonly<Record<string, unknown>> {
  const mtu = Math.min(...families.map((family) => family.mtu));
  return {
    ...{ type: "bridge", bridge: "cni0", mtu, isGateway: true, isDefaultGateway: true, hairpinMode: true },
    ipam: {
      ...{ type: "host-local", dataDir, routes: [{ dst: "10.244.0.0/16" }, { dst: "fd00:10:244::/48" }] },
      ranges: families.map(({ subnet }) => [{ subnet: subnet(node).join("/") }]),
    },
  };
}
