// SPDX-License-Identifier: Apache-2.0
// The node's own devices, and which of them a configuration asks for.
import type { DatapathConfig } from "../types.ts";

export const deviceNames = {
  host: "cilium_host",
  net: "cilium_net",
  vxlan: "cilium_vxlan",
  geneve: "cilium_geneve",
} as const;

/** Kinds of tunnels. */
export const tunnelProtocols = ["vxlan", "geneve"] as const;
export type TunnelProtocol = (typeof tunnelProtocols)[number];

/** The tunnel to other nodes; undefined: packets to their pods are routed as they are. */
export function tunnelOf(config: Pick<DatapathConfig, "routingMode" | "tunnelProtocol">): TunnelProtocol | undefined {
  return config.routingMode === "native" ? undefined : (config.tunnelProtocol ?? "vxlan");
}

/** Names of the devices that a node has with this configuration. */
export function ownDevices(config: Pick<DatapathConfig, "routingMode" | "tunnelProtocol">): readonly string[] {
  const tunnel = tunnelOf(config);
  return [deviceNames.host, deviceNames.net, ...(tunnel === undefined ? [] : [deviceNames[tunnel]])];
}
