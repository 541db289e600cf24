// SPDX-License-Identifier: Apache-2.0
// `status --verbose`: what of kube-proxy's work the agent does.
import type { KubeProxyReplacement, StatusResponse } from "../../../src/api/index.ts";
import { type Line, nestedTable } from "../output/table.ts";

/** The parts of the answer's free-form features that are shown. */
interface Features {
  readonly nodePort?: {
    readonly enabled?: boolean;
    readonly mode?: string;
    readonly dsrMode?: string;
    readonly algorithm?: string;
    readonly acceleration?: string;
    readonly portMin?: number;
    readonly portMax?: number;
    readonly lutSize?: number;
  };
  readonly hostPort?: Switch;
  readonly externalIPs?: Switch;
  readonly socketLB?: Switch;
  readonly socketLBTracing?: Switch;
  readonly sessionAffinity?: Switch;
  readonly bpfSocketLBHostnsOnly?: boolean;
  readonly nat46X64?: Switch & {
    readonly service?: Switch;
    readonly gateway?: Switch & { readonly prefixes?: readonly string[] };
  };
  readonly annotations?: readonly string[];
}

interface Switch {
  readonly enabled?: boolean;
}

/** The block `KubeProxyReplacement Details:`; none when the agent tells no features. */
export function kubeProxyLines({ "kube-proxy-replacement": replacement }: StatusResponse): Line[] {
  if (replacement?.features === undefined) return [];
  const features: Features = replacement.features;
  const nodePort = features.nodePort?.enabled === true ? features.nodePort : undefined;
  const optional = (label: string, value: string | undefined): Line[] =>
    value === undefined || value === "" ? [] : [[label, value]];
  const rows: Line[] = [
    ["  Socket LB:", word(features.socketLB)],
    ["  Socket LB Tracing:", word(features.socketLBTracing)],
    ["  Socket LB Coverage:", features.bpfSocketLBHostnsOnly === true ? "Hostns-only" : "Full"],
    ...optional("  Devices:", kubeProxyDevices(replacement)),
    ...optional("  Mode:", nodePort?.mode),
    ...(nodePort?.mode === "SNAT" ? [] : optional("    DSR Dispatch Mode:", nodePort?.dsrMode)),
    ...optional("  Backend Selection:", selection(nodePort)),
    ["  Session Affinity:", word(features.sessionAffinity)],
    ...nat46(features.nat46X64),
    ...optional("  XDP Acceleration:", nodePort?.acceleration),
    ["  Services:"],
    ["  - ClusterIP:", "Enabled"],
    ["  - NodePort:", nodePort === undefined ? "Disabled" : `Enabled (Range: ${range(nodePort)})`],
    ["  - LoadBalancer:", word(nodePort)],
    ["  - externalIPs:", word(features.externalIPs)],
    ["  - HostPort:", word(features.hostPort)],
    ...(features.annotations === undefined
      ? []
      : [["  Annotations:"], ...features.annotations.map((annotation): Line => [`  - ${annotation}`])]),
  ];
  return [["KubeProxyReplacement Details:"], ...nestedTable(["  Status:", replacement.mode], rows)];
}

/** `eth0   172.18.0.2 fc00::2 (Direct Routing), …`; empty while kube-proxy is not replaced. */
export function kubeProxyDevices({ mode, deviceList = [], directRoutingDevice }: KubeProxyReplacement): string {
  if (mode === "False") return "";
  const devices = deviceList.map(({ name, ip = [] }) => {
    return `${name}   ${ip.join(" ")}${name === directRoutingDevice ? " (Direct Routing)" : ""}`;
  });
  return devices.join(", ");
}

function word(part: Switch | undefined): string {
  return part?.enabled === true ? "Enabled" : "Disabled";
}

function range({ portMin = 0, portMax = 0 }: NonNullable<Features["nodePort"]>): string {
  return `${portMin}-${portMax}`;
}

function selection(nodePort: Features["nodePort"]): string | undefined {
  if (nodePort === undefined) return undefined;
  const { algorithm, lutSize } = nodePort;
  return algorithm === "Maglev" ? `Maglev (Table Size: ${lutSize ?? 0})` : algorithm;
}

function nat46(nat: Features["nat46X64"]): Line[] {
  if (nat?.enabled !== true) return [["  NAT46/64 Support:", "Disabled"]];
  const prefixes = nat.gateway?.prefixes ?? [];
  return [
    ["  NAT46/64 Support:"],
    ["  - Services:", word(nat.service)],
    ["  - Gateway:", word(nat.gateway)],
    ...(prefixes.length === 0 ? [] : [["    Prefixes:", prefixes.join(", ")]]),
  ];
}
