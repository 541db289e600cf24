// SPDX-License-Identifier: Apache-2.0
// Names of the maps and where they are pinned; names are Cilium's where it has the map.
import { join } from "node:path";

export const mapNames = {
  lxc: "cilium_lxc",
  endpoints: "cilium_endpoints",
  ipcache: "cilium_ipcache_v2",
  ipcacheExact: "cilium_ipcache_exact",
  nodes: "cilium_node_map_v2",
  policyPeers: "cilium_policy_v2_peers",
  policyPorts: "cilium_policy_v2_ports",
  ct4Tcp: "cilium_ct4_global",
  ct4Any: "cilium_ct_any4_global",
  ct6Tcp: "cilium_ct6_global",
  ct6Any: "cilium_ct_any6_global",
  identities: "cilium_identities",
  nat4: "cilium_snat_v4_external",
  nat6: "cilium_snat_v6_external",
  natRetries4: "cilium_snat_v4_alloc_retries",
  natRetries6: "cilium_snat_v6_alloc_retries",
  ipmasq4: "cilium_ipmasq_v4",
  ipmasq6: "cilium_ipmasq_v6",
  masqueradeDevices: "cilium_masquerade",
  policyHits: "cilium_policystats",
  metrics: "cilium_metrics",
  forwarded: "cilium_forwarded",
  runtimeConfig: "cilium_runtime_config",
  fragments4: "cilium_ipv4_frag_datagrams",
  fragments6: "cilium_ipv6_frag_datagrams",
  underlay4: "cilium_underlay4",
  events: "cilium_events",
  calls: "cilium_calls",
} as const;

export type MapName = (typeof mapNames)[keyof typeof mapNames];

/** Maps of programs on devices that lead out only. */
export const outwardMaps: readonly MapName[] = [
  mapNames.nat4,
  mapNames.nat6,
  mapNames.natRetries4,
  mapNames.natRetries6,
  mapNames.ipmasq4,
  mapNames.ipmasq6,
];

/** Folder of the pinned maps below a bpffs root. */
export function mapPinRoot(bpfRoot: string): string {
  return join(bpfRoot, "tc", "globals");
}
