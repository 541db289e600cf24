// SPDX-License-Identifier: Apache-2.0
// Which addresses of a node are probed.
import { type NodeRow, nodeAddress, nodeKey } from "../node/index.ts";
import type { ProbeTarget, TargetKind } from "./types.ts";

/** What is probed of nodes at all. */
export interface TargetOptions {
  /** `cluster/name` of this node. */
  readonly self: string;
  readonly enableIpv4: boolean;
  readonly enableIpv6: boolean;
  /** Whether nodes have health endpoints. */
  readonly endpoints: boolean;
}

/** A node's addresses on the underlay and its health endpoint's, IPv4 first. */
export function targetsOf(node: NodeRow, options: TargetOptions): readonly ProbeTarget[] {
  const hosts = [
    options.enableIpv4 ? nodeAddress(node, "InternalIP", 4) : undefined,
    options.enableIpv6 ? nodeAddress(node, "InternalIP", 6) : undefined,
  ];
  const endpoints = [
    options.enableIpv4 ? node.ipv4HealthIp : undefined,
    options.enableIpv6 ? node.ipv6HealthIp : undefined,
  ];
  return [...ofKind("host", hosts), ...(options.endpoints ? ofKind("endpoint", endpoints) : [])];

  function ofKind(kind: TargetKind, ips: readonly (string | undefined)[]): ProbeTarget[] {
    const present = ips.filter((ip) => ip !== undefined);
    const key = nodeKey(node);
    return present.map((ip, index) => ({ node: key, kind, ip, primary: index === 0, local: key === options.self }));
  }
}
