// SPDX-License-Identifier: Apache-2.0
// `status`: the key-value store, Kubernetes, the agent itself, the monitor.
import type { ComponentStatus, StatusResponse } from "../../../src/api/index.ts";
import type { Line } from "../output/table.ts";
import { kubeProxyDevices } from "./kube-proxy.ts";

export function componentLines(status: StatusResponse): Line[] {
  return [
    ...component("KVStore:", status.kvstore),
    ...component("Kubernetes:", status.kubernetes),
    ...kubernetesApis(status),
    ...kubeProxy(status),
    ...firewall(status),
    ...srv6(status),
    ...(status["cni-chaining"] === undefined ? [] : [["CNI Chaining:", status["cni-chaining"].mode]]),
    ...(status["cni-file"] === undefined ? [] : [["CNI Config file:", status["cni-file"].msg ?? ""]]),
    ["Cilium:", `${status.cilium.state}   ${status.cilium.msg ?? ""}`],
    ...stale(status),
    ...monitor(status),
    ...component("Cilium health daemon:", status.cluster?.ciliumHealth),
  ];
}

function component(label: string, status: ComponentStatus | undefined): Line[] {
  return status === undefined ? [] : [[label, status.state, status.msg ?? ""]];
}

function kubernetesApis({ kubernetes }: StatusResponse): Line[] {
  const versions = kubernetes?.["k8s-api-versions"] ?? [];
  if (kubernetes === undefined || kubernetes.state === "Disabled" || versions.length === 0) return [];
  return [
    [
      "Kubernetes APIs:",
      `[${[...versions]
        .sort()
        .map((version) => `"${version}"`)
        .join(", ")}]`,
    ],
  ];
}

function kubeProxy(status: StatusResponse): Line[] {
  const replacement = status["kube-proxy-replacement"];
  if (replacement === undefined) return [];
  const devices = kubeProxyDevices(replacement);
  return [["KubeProxyReplacement:", replacement.mode, devices === "" ? "" : `[${devices}]`]];
}

function firewall(status: StatusResponse): Line[] {
  const host = status["host-firewall"];
  if (host === undefined) return [];
  return [["Host firewall:", host.mode, ...(host.mode === "Enabled" ? [`[${(host.devices ?? []).join(", ")}]`] : [])]];
}

function srv6({ srv6: routing }: StatusResponse): Line[] {
  if (routing === undefined) return [];
  if (!routing.enabled) return [["SRv6:", "Disabled"]];
  return [["SRv6:", "Enabled", `[encap-mode: ${routing.srv6EncapMode ?? ""}]`]];
}

function stale(status: StatusResponse): Line[] {
  const probes = Object.entries(status.stale ?? {}).sort();
  if (probes.length === 0) return [];
  return [["Stale status:", probes.map(([probe, since]) => `"${probe}" since ${since}`).join(", ")]];
}

function monitor({ nodeMonitor }: StatusResponse): Line[] {
  if (nodeMonitor === undefined) return [["NodeMonitor:", "Disabled"]];
  const { cpus, npages, pagesize, lost = 0, unknown = 0 } = nodeMonitor;
  const text = `Listening for events on ${cpus} CPUs with ${npages}x${pagesize} of shared memory`;
  const lines: Line[] = [["NodeMonitor:", text]];
  if (lost > 0 || unknown > 0) lines.push(["", `${lost} events lost, ${unknown} unknown notifications`]);
  return lines;
}
