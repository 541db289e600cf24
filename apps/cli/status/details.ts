// SPDX-License-Identifier: Apache-2.0
// `status`: proxy, identities, Hubble, maps, encryption, cluster health.
import type { StatusResponse } from "../../../src/api/index.ts";
import { type Line, nestedTable } from "../output/table.ts";
import type { StatusOptions } from "./format.ts";
import { kubeProxyLines } from "./kube-proxy.ts";

export function detailLines(status: StatusResponse, options: StatusOptions): Line[] {
  return [
    ...proxy(status, options),
    ...identityRange(status),
    ...hubble(status),
    ...(options.verbose ? [...kubeProxyLines(status), ...maps(status)] : []),
    ...encryption(status),
    ...clusterHealth(status),
  ];
}

function proxy({ proxy: status }: StatusResponse, { allRedirects }: StatusOptions): Line[] {
  if (status === undefined) return [["Proxy Status:", "No managed proxy redirect"]];
  const total = status["total-redirects"] ?? 0;
  const envoy = status["envoy-deployment-mode"];
  const text = `OK, ip ${status.ip ?? ""}, ${total} redirects active on ports ${status["port-range"] ?? ""}`;
  const lines: Line[] = [["Proxy Status:", envoy === undefined ? text : `${text}, Envoy: ${envoy}`]];
  const redirects = status.redirects ?? [];
  if (!allRedirects || redirects.length === 0) return lines;
  const rows = redirects.map(({ proxy, name, "proxy-port": port }) => [`  ${proxy}`, name, String(port)]).sort();
  return [...lines, ...nestedTable(["  Protocol", "Redirect", "Proxy Port"], rows)];
}

function identityRange(status: StatusResponse): Line[] {
  const range = status["identity-range"];
  if (range === undefined) return [["Global Identity Range:", "Unknown"]];
  return [["Global Identity Range:", `min ${range["min-identity"]}, max ${range["max-identity"]}`]];
}

function hubble(status: StatusResponse): Line[] {
  const value = status.hubble;
  if (value === undefined) return [];
  const cells = ["Hubble:", value.msg ? `${value.state} ${value.msg}` : value.state];
  const { observer } = value;
  if (observer !== undefined) {
    const [now, most] = [observer["current-flows"], observer["max-flows"]];
    const seconds = observer.uptime / 1e9;
    const flows = most > 0 ? [`Current/Max Flows: ${now}/${most} (${((now / most) * 100).toFixed(2)}%)`] : [];
    const rate = seconds > 0 ? [`Flows/s: ${(observer["seen-flows"] / seconds).toFixed(2)}`] : [];
    cells.push([...flows, ...rate].join(", "));
  }
  const metrics = status["hubble-metrics"];
  if (metrics !== undefined) cells.push(`Metrics: ${metrics.state}${metrics.msg ? ` ${metrics.msg}` : ""}`);
  return [cells];
}

function maps(status: StatusResponse): Line[] {
  const value = status["bpf-maps"];
  if (value === undefined) return [];
  const ratio = value["dynamic-size-ratio"] ?? 0;
  const sizing = ratio > 0 ? `on (ratio: ${ratio.toFixed(6)})` : "off";
  return [
    ["BPF Maps:", `dynamic sizing: ${sizing}`],
    ...nestedTable(
      ["  Name", "Size"],
      value.maps.map(({ name, size }) => [`  ${name}`, String(size)]),
    ),
  ];
}

function encryption({ encryption: value }: StatusResponse): Line[] {
  if (value === undefined) return [];
  return [["Encryption:", value.mode, value.msg ?? wireguard(value.wireguard as Wireguard | undefined)]];
}

/** What is shown of WireGuard's free-form state. */
interface Wireguard {
  readonly "node-encryption"?: string;
  readonly interfaces?: readonly {
    readonly name?: string;
    readonly "public-key"?: string;
    readonly "listen-port"?: number;
    readonly "peer-count"?: number;
  }[];
}

function wireguard(value: Wireguard | undefined): string {
  if (value === undefined) return "";
  const devices = (value.interfaces ?? []).map((each) => {
    const peers = `Port: ${each["listen-port"] ?? 0}, Peers: ${each["peer-count"] ?? 0}`;
    return `${each.name ?? ""} (Pubkey: ${each["public-key"] ?? ""}, ${peers})`;
  });
  return `[NodeEncryption: ${value["node-encryption"] ?? ""}, ${devices.join(", ")}]`;
}

function clusterHealth({ cluster }: StatusResponse): Line[] {
  const health = cluster?.ciliumHealth;
  if (health === undefined) return [];
  if (health.state === "Disabled") return [["Cluster health:", "", "Probe disabled"]];
  if (health.state === "Ok") return [];
  return [["Cluster health:", "", "", "Warning", "cilium-health daemon unreachable"]];
}
