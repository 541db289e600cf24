// SPDX-License-Identifier: Apache-2.0
// `status`: how packets go.
import type { BigTcpStatus, StatusResponse } from "../../../src/api/index.ts";
import type { Line } from "../output/table.ts";
import type { StatusOptions } from "./format.ts";

export function datapathLines(status: StatusResponse, { verbose }: StatusOptions): Line[] {
  return [
    ...clusterMesh(status),
    ...bigTcp("IPv4 BIG TCP:", status["ipv4-big-tcp"]),
    ...bigTcp("IPv6 BIG TCP:", status["ipv6-big-tcp"]),
    ...bandwidth(status),
    ...routing(status),
    ...attachMode(status),
    ...missingFeatures(status),
    ...deviceMode(status),
    ...masquerading(status),
    ...(verbose ? clockSource(status) : []),
  ];
}

function clusterMesh(status: StatusResponse): Line[] {
  const mesh = status["cluster-mesh"];
  if (mesh === undefined) return [];
  const clusters = (mesh.clusters ?? []) as readonly { readonly ready?: boolean }[];
  const ready = clusters.filter((cluster) => cluster.ready === true).length;
  return [["ClusterMesh:", `${ready}/${clusters.length} remote clusters ready`]];
}

function bigTcp(label: string, status: BigTcpStatus | undefined): Line[] {
  if (status === undefined) return [];
  if (!status.enabled) return [[label, "Disabled"]];
  const sizes = new Set([status.maxGRO, status.maxGSO].filter((size) => size !== undefined));
  return [[label, "Enabled", `[${[...sizes].join(", ")}]`]];
}

function bandwidth(status: StatusResponse): Line[] {
  const manager = status["bandwidth-manager"];
  if (manager === undefined) return [];
  if (!manager.enabled) return [["BandwidthManager:", "Disabled"]];
  const control = (manager.congestionControl ?? "cubic").toUpperCase();
  return [["BandwidthManager:", `EDT with BPF [${control}] [${(manager.devices ?? []).join(", ")}]`]];
}

function routing(status: StatusResponse): Line[] {
  const routes = status.routing;
  if (routes === undefined) return [];
  const mode = routes["inter-host-routing-mode"];
  const protocol = mode === "Tunnel" ? ` [${routes["tunnel-protocol"] ?? "vxlan"}]` : "";
  return [["Routing:", `Network: ${mode}${protocol}`, `Host: ${routes["intra-host-routing-mode"]}`]];
}

function attachMode(status: StatusResponse): Line[] {
  const mode = status["attach-mode"];
  return mode === undefined ? [] : [["Attach Mode:", mode === "tcx" ? "TCX" : "Legacy TC"]];
}

/** A line for each; only on kernels where something else is done instead. */
function missingFeatures(status: StatusResponse): Line[] {
  return (status["missing-features"] ?? []).map(({ name, fallback }, place) => [
    place === 0 ? "Missing Features:" : "",
    `${name}: ${fallback}`,
  ]);
}

function deviceMode(status: StatusResponse): Line[] {
  const mode = status["datapath-mode"];
  if (mode === undefined) return [];
  const configured = status["configured-datapath-mode"] ?? mode;
  return [["Device Mode:", configured === mode ? mode : `${mode} [Configured: ${configured}]`]];
}

function masquerading(status: StatusResponse): Line[] {
  const value = status.masquerading;
  if (value === undefined) return [];
  const word = (on: boolean | undefined): string => (on === true ? "Enabled" : "Disabled");
  const { enabledProtocols } = value;
  if (enabledProtocols === undefined) return [["Masquerading:", word(value.enabled)]];
  if (enabledProtocols.ipv4 !== true && enabledProtocols.ipv6 !== true) return [["Masquerading:", "Disabled"]];
  const families = `[IPv4: ${word(enabledProtocols.ipv4)}, IPv6: ${word(enabledProtocols.ipv6)}]`;
  if (value.mode !== "BPF") return [["Masquerading:", `IPTables ${families}`]];
  const exclusions = [value["snat-exclusion-cidr-v4"], value["snat-exclusion-cidr-v6"]].filter(Boolean).join(" ");
  const mode = value["ip-masq-agent"] === true ? "BPF (ip-masq-agent)" : "BPF";
  return [["Masquerading:", mode, `[${(value.devices ?? []).join(", ")}]`, `${exclusions} ${families}`.trim()]];
}

function clockSource(status: StatusResponse): Line[] {
  const clock = status["clock-source"];
  if (clock === undefined) return [];
  const hertz = clock.mode === "jiffies" ? [`[${clock.hertz ?? 0} Hz]`] : [];
  return [["Clock Source for BPF:", clock.mode, ...hertz]];
}
