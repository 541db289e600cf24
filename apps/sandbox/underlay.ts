// SPDX-License-Identifier: Apache-2.0
// The underlay of a sandbox: a bridge in a namespace of its own, as the switch and the outside world of its nodes.
import { createNetns, deleteNetns, Rtnetlink, writeSysctl } from "../../src/kernel/index.ts";
import { gatewayAddresses, outsideAddresses, underlayPrefixLength } from "./addresses.ts";
import { sandboxPaths } from "./paths.ts";
import type { Sandbox, SandboxNode } from "./types.ts";

const bridgeName = "underlay";

/** Makes the namespace and its bridge. */
export function createUnderlay(sandbox: Sandbox): void {
  const path = sandboxPaths(sandbox.name).underlayNetns;
  using netns = createNetns(path);
  try {
    prepareSysctls(path);
    using links = new Rtnetlink({ netns });
    const { ifindex } = links.createBridge({ name: bridgeName });
    links.setLink(ifindex, { up: true });
    for (const { ipv4, ipv6 } of [gatewayAddresses(sandbox.index), outsideAddresses(sandbox.index)]) {
      addAddresses(links, ifindex, { ...(sandbox.ipv4 && { ipv4 }), ...(sandbox.ipv6 && { ipv6 }) });
    }
  } catch (error) {
    deleteNetns(path);
    throw error;
  }
}

/** Makes a node's namespace with `eth0` on the underlay, and the underlay's routes to the node's pods. */
export function connectNode(sandbox: Sandbox, node: SandboxNode): void {
  const paths = sandboxPaths(sandbox.name);
  const path = paths.node(node.name).netns;
  using netns = createNetns(path);
  prepareSysctls(path);
  using underlay = new Rtnetlink({ netns: paths.underlayNetns });
  const bridge = underlay.link(bridgeName);
  if (bridge === undefined) throw new Error(`Cannot connect node "${node.name}": ${bridgeName} is gone`);
  const port = underlay.createVeth({ name: node.name, peer: { name: "eth0", netns } });
  underlay.setLink(port.ifindex, { master: bridge.ifindex });
  underlay.setLink(port.ifindex, { up: true });
  using inside = new Rtnetlink({ netns });
  const eth0 = inside.link("eth0");
  if (eth0 === undefined) throw new Error(`Cannot connect node "${node.name}": eth0 is gone`);
  inside.setLink(eth0.ifindex, { up: true });
  addAddresses(inside, eth0.ifindex, node);
  const gateway = gatewayAddresses(sandbox.index);
  if (sandbox.ipv4) inside.replaceRoute({ destination: "0.0.0.0/0", gateway: gateway.ipv4, ifindex: eth0.ifindex });
  if (sandbox.ipv6) inside.replaceRoute({ destination: "::/0", gateway: gateway.ipv6, ifindex: eth0.ifindex });
  for (const [destination, via] of [
    [node.ipv4PodCidr, node.ipv4],
    [node.ipv6PodCidr, node.ipv6],
  ]) {
    if (destination !== undefined && via !== undefined) {
      underlay.replaceRoute({ destination, gateway: via, ifindex: bridge.ifindex });
    }
  }
}

function addAddresses(links: Rtnetlink, ifindex: number, addresses: { ipv4?: string; ipv6?: string }): void {
  const { ipv4, ipv6 } = addresses;
  if (ipv4 !== undefined) links.addAddress({ ifindex, address: ipv4, prefixLength: underlayPrefixLength.ipv4 });
  if (ipv6 !== undefined) {
    links.addAddress({ ifindex, address: ipv6, prefixLength: underlayPrefixLength.ipv6, noDad: true });
  }
}

/** Nodes and underlay forward, as Kubernetes nodes and routers do, and waste no second on duplicate detection. */
function prepareSysctls(netns: string): void {
  for (const [name, value] of [
    ["net.ipv4.ip_forward", 1],
    ["net.ipv6.conf.all.forwarding", 1],
    ["net.ipv6.conf.default.accept_dad", 0],
    ["net.ipv6.conf.all.accept_dad", 0],
  ] as const) {
    writeSysctl(name, value, netns);
  }
}
