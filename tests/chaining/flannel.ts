// SPDX-License-Identifier: Apache-2.0
// What flanneld makes on a node with its VXLAN backend, and the configuration that its CNI plugin delegates to `bridge`.
import assert from "node:assert/strict";
import { type SandboxNode, sandboxPaths } from "../../apps/sandbox/index.ts";
import { Rtnetlink } from "../../src/kernel/index.ts";
import type { Scenario } from "../scenarios/harness.ts";

const device = "flannel.1";
const mtu = 1450;

/** The node's part of the cluster's 10.244.0.0/16. */
const subnet = (node: SandboxNode): string => `10.244.${node.index}`;

/** Makes flannel.1 on all nodes: VNI 1, UDP port 8472, no learning; routes, neighbours and forwarding for each other. */
export async function startFlannel(scenario: Scenario): Promise<void> {
  const { nodes } = scenario.sandbox;
  const run = async (node: SandboxNode, command: string): Promise<void> => {
    const { code, stderr } = await scenario.onNode(node.name, command.split(" "));
    assert.equal(code, 0, `${command}: ${stderr}`);
  };
  for (const node of nodes) {
    const tunnel = `id 1 local ${node.ipv4} dev eth0 dstport 8472 nolearning`;
    await run(node, `ip link add ${device} mtu ${mtu} type vxlan ${tunnel}`);
    await run(node, `ip addr add ${subnet(node)}.0/32 dev ${device}`);
    await run(node, `ip link set ${device} up`);
  }
  const macs = new Map(nodes.map((node) => [node.name, macOf(scenario, node)]));
  for (const node of nodes) {
    for (const other of nodes) {
      if (other === node) continue;
      const mac = macs.get(other.name);
      await run(node, `ip neigh replace ${subnet(other)}.0 lladdr ${mac} dev ${device} nud permanent`);
      await run(node, `bridge fdb append ${mac} dev ${device} dst ${other.ipv4}`);
      await run(node, `ip route add ${subnet(other)}.0/24 via ${subnet(other)}.0 dev ${device} onlink`);
    }
  }
}

function macOf(scenario: Scenario, node: SandboxNode): string {
  using rtnl = new Rtnetlink({ netns: sandboxPaths(scenario.name).node(node.name).netns });
  return rtnl.link(device)?.mac ?? "";
}

/** As flannel's plugin passes it on. */
export function delegated(node: SandboxNode, dataDir: string): Readonly<Record<string, unknown>> {
  return {
    ...{ type: "bridge", bridge: "cni0", mtu, isGateway: true, isDefaultGateway: true, hairpinMode: true },
    ipam: {
      ...{ type: "host-local", dataDir, routes: [{ dst: "10.244.0.0/16" }] },
      ranges: [[{ subnet: `${subnet(node)}.0/24` }]],
    },
  };
}
